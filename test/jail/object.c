/* SPDX-License-Identifier: Apache-2.0 */
/* Something that could be loaded. */
extern int jail_object_loaded;
int jail_object_loaded = 1;
