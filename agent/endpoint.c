/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/endpoint.h"

#include <errno.h>
#include <string.h>

#include "agent/util/log.h"

void endpoint_tell(const char *endpoint, int error)
{
	if (!endpoint)
		log_error("pipeline: %s", strerror(-error));
	else if (error == -ENOENT)
		log_error("--endpoint=%s: no such family; there are openai and anthropic",
			  endpoint);
	else if (error == -EINVAL)
		log_error("--endpoint=%s: not "
			  "HOST[:PORT]=FAMILY[,FAMILY...][,provider=NAME[,gpus=N]]",
			  endpoint);
	else
		log_error("--endpoint=%s: %s", endpoint, strerror(-error));
}
