/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * Both ends' connection tables: what each does when it sees the other's
 * XenbusState. Pure functions of (own state, peer's state); they touch nothing.
 *
 *   frontend                          backend
 *   --------                          -------
 *                                     advertise, InitWait
 *   offer ring, Initialised
 *                                     map ring, Connected
 *   Connected
 *        ... messages ...
 *   Closed                            unmap, InitWait      (driver went away)
 *   or                                error, Closing       (bus is broken)
 *   Closed                            Closed
 *   Initialising                      advertise, InitWait  (driver starts anew)
 *
 * A frontend that starts always writes Initialising first, whatever a previous
 * one left behind, and offers when it sees InitWait; a backend that starts
 * always goes to InitWait. So either end may restart at any time and no state
 * is a trap, provided that both keep one rule:
 *
 *   An answer is written in a transaction that reads the peer's state again and
 *   finds what is being answered: OFFER finds InitWait; MAP, whether it ends in
 *   Connected or in Closing, finds Initialised and the very ring references and
 *   event channel it read. Otherwise the answer is dropped and the table asked
 *   anew.
 *
 * Without it a backend could report Connected for the ring of a frontend that
 * has meanwhile died and offered another.
 */
#ifndef XVMSG_HANDSHAKE_H
#define XVMSG_HANDSHAKE_H

/* Xen's public XenbusState values; UNKNOWN also stands for a missing node. */
enum xenbus_state {
    XENBUS_UNKNOWN = 0,
    XENBUS_INITIALISING = 1,
    XENBUS_INIT_WAIT = 2,
    XENBUS_INITIALISED = 3,
    XENBUS_CONNECTED = 4,
    XENBUS_CLOSING = 5,
    XENBUS_CLOSED = 6,
    XENBUS_RECONFIGURING = 7,
    XENBUS_RECONFIGURED = 8,
    XENBUS_STATES
};

enum handshake_action {
    HANDSHAKE_NOTHING,
    /* backend */
    HANDSHAKE_ADVERTISE,  /* let go of any ring, write what we can do, InitWait */
    HANDSHAKE_MAP,        /* read the offer, map it, Connected (or error, Closing) */
    HANDSHAKE_FINISH,     /* frontend acknowledged our Closing: Closed */
    /* frontend */
    HANDSHAKE_OFFER,      /* fresh ring and port, Initialised */
    HANDSHAKE_ACCEPT,     /* backend mapped it: Connected */
    HANDSHAKE_RESTART,    /* the backend started anew: drop the ring and OFFER another */
    HANDSHAKE_FAIL,       /* the backend closed the bus: read its error, Closed */
};

/* Any pair of values below XENBUS_STATES; larger ones count as UNKNOWN. */
enum handshake_action handshake_backend(enum xenbus_state own, enum xenbus_state frontend);
enum handshake_action handshake_frontend(enum xenbus_state own, enum xenbus_state backend);

/* "InitWait" and so on, for people. */
const char *xenbus_state_name(enum xenbus_state state);

#endif
