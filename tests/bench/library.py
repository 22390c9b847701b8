# SPDX-License-Identifier: Apache-2.0
"""A copy of libssl for a measurement alone: probes lie in a file, whoever runs it."""

import os
import re
import shutil
import subprocess


def copy_libssl(program, folder):
    """Puts the TLS libraries of `program` in `folder`. Returns the path of libssl there, or None."""
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in re.findall(r"=> (\S*/lib(?:ssl|crypto)\.so\S*)", linked):
        shutil.copy(path, folder)
    found = [name for name in os.listdir(folder) if name.startswith("libssl")]
    return os.path.join(folder, found[0]) if len(found) == 1 else None
