/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is stored against the model, while nobody is at work: after each restart, and at
 * the end. What was in doubt is settled by what is found. */
#ifndef TEST_SIM_AUDIT_H
#define TEST_SIM_AUDIT_H

#include "world.h"

void audit(struct world *w);
/* After everything is past its time and the janitor has run: each body that is stored is one that a
 * message needs. */
void audit_bodies(struct world *w);

#endif
