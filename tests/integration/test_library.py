# SPDX-License-Identifier: Apache-2.0
"""libpricing as another program finds it: installed, by pkg-config, shared and static."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, clean_env

PROGRAM = r"""
#include <pricing.h>
#include <stdio.h>
#include <string.h>

/* Names that the library has for itself: a program may have them too. */
int arena_free(void) { return 1; }
int card_parse(void) { return 2; }

static const char rows[] =
	"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": \"p\", \"model\": \"m\","
	" \"currency\": \"EUR\", \"source\": \"s\", \"checked\": \"2026-01-31\", \"prices\": {\"input\":"
	" \"3\", \"output\": \"15\"}, \"billed_as\": {\"reasoning\": \"output\"}}]}";

int main(void)
{
	struct pricing_charge charge = {0};
	char text[PRICING_AMOUNT_TEXT_MAX], error[256] = "";
	struct pricing_card *card = NULL;
	struct pricing_result result;
	enum pricing_bucket bucket;

	charge.provider = "p";
	charge.model = "m";
	if (pricing_card_new(&card) < 0 ||
	    pricing_card_load_builtin(card, error, sizeof(error)) < 0 ||
	    pricing_card_load(card, rows, strlen(rows), error, sizeof(error)) < 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	pricing_usage_set(&charge.usage, PRICING_INPUT, 1000);
	pricing_usage_set(&charge.usage, PRICING_OUTPUT, 100);
	pricing_usage_set(&charge.usage, PRICING_REASONING, 60);
	if (pricing_usage_exclude(&charge.usage, &bucket) < 0)
		return 1;
	pricing_price(card, &charge, &result);
	printf("%s %s %u\n", pricing_amount_text(result.amount, text), result.currency,
	       result.n_lines);
	pricing_card_free(card);
	return arena_free() + card_parse() - 3;
}
"""
# 1000 × 3 / 1M + 100 × 15 / 1M
EXPECTED = "0.0045 EUR 3\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The whole of `make install`, below a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    done = subprocess.run(
        ["make", "-C", str(ROOT), "install", "DESTDIR=%s" % folder, "PREFIX=/opt/toll"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder


def run(*command, **env):
    done = subprocess.run(
        [str(part) for part in command],
        env=clean_env(None, None, **env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def flags(installed, *options):
    """What pkg-config says of the library in its folder, which a package manager moves later."""
    where = installed / "opt" / "toll" / "lib" / "pkgconfig"
    said = run("pkg-config", *options, "libpricing", PKG_CONFIG_PATH=where)
    return said.replace("/opt/toll", str(installed / "opt" / "toll")).split()


def compiled(folder, name, text, compiler, *options):
    source = folder / name
    source.write_text(text)
    program = folder / (name + ".out")
    run(compiler, "-Wall", "-Wextra", "-Werror", "-o", program, source, *options)
    return program


def dynamic(path, tag):
    return re.findall(tag + r"\s+(\S+)", run("objdump", "-p", path))


def test_shared(installed, tmp_path):
    library = installed / "opt" / "toll" / "lib"
    link = flags(installed, "--cflags", "--libs")
    program = compiled(tmp_path, "a.c", PROGRAM, "cc", "-std=c17", *link)
    assert "libpricing.so.0" in dynamic(program, "NEEDED")
    assert "libcjson.so.1" not in dynamic(program, "NEEDED")
    assert run(program, LD_LIBRARY_PATH=library) == EXPECTED


def test_static(installed, tmp_path):
    link = flags(installed, "--cflags", "--libs", "--static")
    link = [part if part != "-lpricing" else "-l:libpricing.a" for part in link]
    program = compiled(tmp_path, "a.c", PROGRAM, "cc", "-pedantic", *link)
    assert not [name for name in dynamic(program, "NEEDED") if "pricing" in name]
    assert run(program) == EXPECTED


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler")
def test_from_cplusplus(installed, tmp_path):
    library = installed / "opt" / "toll" / "lib"
    link = flags(installed, "--cflags", "--libs")
    text = PROGRAM.replace("= {0}", "= {}")
    program = compiled(tmp_path, "a.cpp", text, "c++", "-std=c++17", *link)
    assert run(program, LD_LIBRARY_PATH=library) == EXPECTED


def test_only_the_header_s_names_are_visible(installed):
    folder = installed / "opt" / "toll"
    header = (folder / "include" / "pricing.h").read_text()
    declared = set(re.findall(r"^[a-z].*?\b(pricing_\w+)\(", header, re.M))
    declared -= set(re.findall(r"^static inline .*?\b(pricing_\w+)\(", header, re.M))
    assert len(declared) > 10
    for library, option in (("libpricing.so.0", "-D"), ("libpricing.a", "-g")):
        names = run("nm", option, "--defined-only", folder / "lib" / library).split("\n")
        assert {line.split()[2] for line in names if len(line.split()) == 3} == declared
    assert dynamic(folder / "lib" / "libpricing.so", "SONAME") == ["libpricing.so.0"]


def test_manual(installed, tmp_path):
    """Each function has its line, the example compiles, and the page is well-formed."""
    folder = installed / "opt" / "toll"
    page = folder / "share" / "man" / "man3" / "libpricing.3"
    header = (folder / "include" / "pricing.h").read_text()
    for name in set(re.findall(r"\b(pricing_\w+)\(", header)):
        assert re.search(r"^\.Fn %s\b" % name, page.read_text(), re.M), name
    example = re.search(r"^\.Bd .*?\n(.*?)^\.Ed", page.read_text(), re.M | re.S).group(1)
    link = flags(installed, "--cflags", "--libs")
    text = example.replace("\\e", "\\")
    program = compiled(tmp_path, "example.c", text, "cc", "-std=c17", *link)
    # 700 × 3 + 300 × 0.3 + 200 × 15, a million each
    assert run(program, LD_LIBRARY_PATH=folder / "lib") == "0.00519 USD\n"


def test_version(installed):
    version = run(installed / "opt" / "toll" / "bin" / "tollspan", "--version")
    where = installed / "opt" / "toll" / "lib" / "pkgconfig"
    told = run("pkg-config", "--modversion", "libpricing", PKG_CONFIG_PATH=where).strip()
    assert told in version
