/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "xenstore-schema/handshake.h"

/*
 * Rows: own state. Columns: the peer's. An empty cell is NOTHING: wait, the
 * peer's next step will wake us.
 */
static const enum handshake_action backend_table[XENBUS_STATES][XENBUS_STATES] = {
    /* The bus was taken away under us: nobody to talk to. */
    [XENBUS_UNKNOWN] = {HANDSHAKE_NOTHING},
    /* The toolstack made the bus: advertise, whatever the frontend is. */
    [XENBUS_INITIALISING] =
        {
            [XENBUS_UNKNOWN] = HANDSHAKE_ADVERTISE,
            [XENBUS_INITIALISING] = HANDSHAKE_ADVERTISE,
            [XENBUS_INIT_WAIT] = HANDSHAKE_ADVERTISE,
            [XENBUS_INITIALISED] = HANDSHAKE_ADVERTISE,
            [XENBUS_CONNECTED] = HANDSHAKE_ADVERTISE,
            [XENBUS_CLOSING] = HANDSHAKE_ADVERTISE,
            [XENBUS_CLOSED] = HANDSHAKE_ADVERTISE,
            [XENBUS_RECONFIGURING] = HANDSHAKE_ADVERTISE,
            [XENBUS_RECONFIGURED] = HANDSHAKE_ADVERTISE,
        },
    [XENBUS_INIT_WAIT] =
        {
            [XENBUS_INITIALISED] = HANDSHAKE_MAP,
        },
    /* The driver went away or starts anew: let go of its ring. Initialised is
     * the offer we accepted, which the frontend has not yet noticed. */
    [XENBUS_CONNECTED] =
        {
            [XENBUS_UNKNOWN] = HANDSHAKE_ADVERTISE,
            [XENBUS_INITIALISING] = HANDSHAKE_ADVERTISE,
            [XENBUS_CLOSING] = HANDSHAKE_ADVERTISE,
            [XENBUS_CLOSED] = HANDSHAKE_ADVERTISE,
        },
    /* We reported an error: it stands until the driver has seen it. */
    [XENBUS_CLOSING] =
        {
            [XENBUS_INITIALISING] = HANDSHAKE_ADVERTISE,
            [XENBUS_CLOSED] = HANDSHAKE_FINISH,
        },
    [XENBUS_CLOSED] =
        {
            [XENBUS_INITIALISING] = HANDSHAKE_ADVERTISE,
        },
    /* Initialised, Reconfiguring, Reconfigured are never ours. */
};

static const enum handshake_action frontend_table[XENBUS_STATES][XENBUS_STATES] = {
    [XENBUS_INITIALISING] =
        {
            [XENBUS_INIT_WAIT] = HANDSHAKE_OFFER,
        },
    /* InitWait: the backend is still looking at the offer. Initialising: it was
     * set back, will advertise, and then look. */
    [XENBUS_INITIALISED] =
        {
            [XENBUS_UNKNOWN] = HANDSHAKE_FAIL,
            [XENBUS_CONNECTED] = HANDSHAKE_ACCEPT,
            [XENBUS_CLOSING] = HANDSHAKE_FAIL,
            [XENBUS_CLOSED] = HANDSHAKE_FAIL,
        },
    /* Initialising: the backend was set back and will advertise; what it says
     * before that is not to be relied on, so wait for InitWait. */
    [XENBUS_CONNECTED] =
        {
            [XENBUS_UNKNOWN] = HANDSHAKE_FAIL,
            [XENBUS_INIT_WAIT] = HANDSHAKE_RESTART,
            [XENBUS_CLOSING] = HANDSHAKE_FAIL,
            [XENBUS_CLOSED] = HANDSHAKE_FAIL,
        },
    /* Closing, Closed: only a new start leads out. The others are never ours. */
};

static enum xenbus_state known(enum xenbus_state state)
{
    return (unsigned)state < XENBUS_STATES ? state : XENBUS_UNKNOWN;
}

enum handshake_action handshake_backend(enum xenbus_state own, enum xenbus_state frontend)
{
    return backend_table[known(own)][known(frontend)];
}

enum handshake_action handshake_frontend(enum xenbus_state own, enum xenbus_state backend)
{
    return frontend_table[known(own)][known(backend)];
}

const char *xenbus_state_name(enum xenbus_state state)
{
    static const char *const names[XENBUS_STATES] = {
        [XENBUS_UNKNOWN] = "Unknown",
        [XENBUS_INITIALISING] = "Initialising",
        [XENBUS_INIT_WAIT] = "InitWait",
        [XENBUS_INITIALISED] = "Initialised",
        [XENBUS_CONNECTED] = "Connected",
        [XENBUS_CLOSING] = "Closing",
        [XENBUS_CLOSED] = "Closed",
        [XENBUS_RECONFIGURING] = "Reconfiguring",
        [XENBUS_RECONFIGURED] = "Reconfigured",
    };

    return names[known(state)];
}
