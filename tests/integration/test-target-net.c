/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

/*
 * What the supervisor makes for network interfaces: true TAP interfaces, in a network of
 * this program's own, and scripts of the test's in place of Xen's.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/process.h"
#include "backend/script.h"
#include "common/store.h"
#include "tests/harness.h"
#include "tests/integration/stage.h"
#include "xenstore-schema/schema.h"

#define R B7 "/request/net"
#define VIF "vif7.0-xvm"
#define COMPLAINT "/local/domain/0/backend/vif/7/0-xvm"

static struct stage s;
static struct event *child;
static char script[64]; /* its path */
static char told[64];   /* what it writes to */
static char gate[64];   /* what it waits for */

/* ---- the stage ---- */

/* As root of users and networks of its own; false where that is not allowed. */
static bool may_make_interfaces(void)
{
    static int made;
    int fd;

    if (!made)
        made = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 || unshare(CLONE_NEWNET) == 0 ? 1 : -1;
    fd = made > 0 ? open("/dev/net/tun", O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        test_skip("no interfaces can be made here");
        return false;
    }
    close(fd);
    return true;
}

static void on_child(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    process_reap(user);
}

static bool start(void)
{
    if (!may_make_interfaces())
        return false;
    stage_open(&s, 0);
    stage_start_daemon(&s);
    s.daemon.script_timeout = (struct timeval){.tv_sec = 20};
    child = evsignal_new(s.base, SIGCHLD, on_child, &s.daemon);
    CU_ASSERT_FATAL(child && event_add(child, NULL) == 0);
    stage_connect(&s, s.guest, 7);
    snprintf(script, sizeof(script), "%s/script", s.directory);
    snprintf(told, sizeof(told), "%s/told", s.directory);
    snprintf(gate, sizeof(gate), "%s/gate", s.directory);
    CU_ASSERT_FATAL(mkfifo(gate, 0600) == 0);
    return true;
}

static void end(void)
{
    stage_stop_daemon(&s);
    script_forget_all(&s.daemon); /* as main() does */
    event_free(child);
    unlink(script);
    unlink(told);
    unlink(gate);
    stage_close(&s);
}

/* What it does; "told" takes what it says. */
static void write_script(const char *body)
{
    FILE *file = fopen(script, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "#!/bin/sh\nexec 3>>%s\n%s\n", told, body);
    CU_ASSERT_EQUAL(fclose(file), 0);
    chmod(script, 0700);
}

static void write_key(const char *key, const char *value)
{
    stage_write(s.toolstack, store_path(R "/%s", key).text, value);
}

static void request(const char *body)
{
    if (body)
        write_script(body);
    write_key(XS_SCRIPT, body ? script : XS_SCRIPT_NONE);
    write_key(XS_MAC, "00:16:3e:01:02:03");
    write_key(XS_TYPE, "net");
}

static bool was_told(const char *words)
{
    char text[1024] = "";
    FILE *file = fopen(told, "r");
    bool found;

    if (!file)
        return false;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    found = strstr(text, words);
    return found;
}

static void open_gate(void)
{
    int fd = open(gate, O_WRONLY); /* when the script is there */

    CU_ASSERT(fd >= 0);
    close(fd);
}

/* An ioctl's answer about the interface; -1: there is none. */
static int ask(unsigned long what, struct ifreq *answer)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

    strcpy(answer->ifr_name, VIF);
    rc = ioctl(fd, what, answer);
    close(fd);
    return rc;
}

static bool is_there(void)
{
    struct ifreq answer;

    return ask(SIOCGIFFLAGS, &answer) == 0;
}

static int mtu(void)
{
    struct ifreq answer;

    return ask(SIOCGIFMTU, &answer) == 0 ? answer.ifr_mtu : -1;
}

static void wait_until_gone(void)
{
    while (is_there())
        event_base_loop(s.base, EVLOOP_ONCE);
}

/* Until it is refused, in these words. */
static void wait_refused(const char *words)
{
    while (!store_exists(s.toolstack, PLATFORM_NO_TX, R "/error"))
        event_base_loop(s.base, EVLOOP_ONCE);
    CU_ASSERT(stage_says(&s, R "/error", words));
}

static struct stage_worker *worker(void)
{
    return stage_worker(&s, "dom 7 bus 0");
}

static void remove_it(void)
{
    write_key(XS_REMOVE, "orderly");
    stage_wait(&s, R, NULL);
    wait_until_gone();
}

/* ---- with a script ---- */

static void the_script_is_called_as_xl_does(void)
{
    if (!start())
        return;
    write_key(XS_BRIDGE, "br7");
    write_key(XS_MTU, "1280");
    write_key(XS_QUEUES, "3");
    request("echo \"$@ i=$INTERFACE v=$vif b=$bridge s=$script p=$XENBUS_PATH $XENBUS_TYPE\" >&3");
    stage_wait(&s, R "/number", "1");
    CU_ASSERT(was_told("add type_if=tap i=" VIF " v=" VIF " b=br7"));
    CU_ASSERT(was_told("p=" R " vif"));
    CU_ASSERT(was_told(script));
    CU_ASSERT(stage_is(&s, R "/vif", VIF));
    CU_ASSERT_EQUAL(mtu(), 1280);
    CU_ASSERT(stage_keeps_schema(&s));
    CU_ASSERT(!was_told("remove"));
    remove_it();
    CU_ASSERT(was_told("remove type_if=tap i=" VIF));
    end();
}

/* Other devices do not wait for a script, nor does the loop. */
static void nobody_waits_for_the_script(void)
{
    if (!start())
        return;
    request("[ $1 = remove ] || read -r line <$(dirname $0)/gate; true");
    stage_write(s.toolstack, B7 "/request/rng/type", "rng");
    stage_wait(&s, B7 "/request/rng/number", "1");
    CU_ASSERT(stage_is(&s, R "/number", NULL));
    CU_ASSERT(stage_is(&s, R "/error", NULL));
    CU_ASSERT(is_there());
    open_gate();
    stage_wait(&s, R "/number", "2");
    remove_it();
    end();
}

static void what_the_script_says_is_the_refusal(void)
{
    static const struct {
        const char *body;
        const char *words;
    } bad[] = {
        {"echo nothing; echo 'no bridge here' >&2; exit 1", ": no bridge here"},
        {"exit 3", "failed (exit status 3)"},
        {"kill -9 $$", "died (signal 9)"},
        {"printf 'rude\\033[2J words\\n\\n'; exit 1", "rude?[2J words"},
        {"i=0; while [ $i -lt 3000 ]; do echo a long line of the many that it has to say; "
         "i=$((i + 1)); done; echo the last; exit 1", ": the last"},
    };

    if (!start())
        return;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request(bad[i].body);
        wait_refused(bad[i].words);
        CU_ASSERT(stage_is(&s, R "/number", NULL));
        wait_until_gone();
        stage_remove(s.toolstack, R);
    }
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_ADD], 0);
    end();
}

/* Xen's own complain where a vif of Xen's would be. */
static void a_complaint_in_xenstore_is_found(void)
{
    if (!start())
        return;
    stage_write(s.toolstack, COMPLAINT "/hotplug-error", "Could not find bridge");
    stage_write(s.toolstack, COMPLAINT "/hotplug-status", "error");
    request("exit 1");
    wait_refused("Could not find bridge");
    CU_ASSERT(stage_is(&s, "/local/domain/0/backend/vif/7", NULL));
    wait_until_gone();
    end();
}

static void a_script_that_is_not_there(void)
{
    if (test_skip_under_valgrind("what cannot be executed has begun there, and fails later"))
        return;
    if (!start())
        return;
    write_key(XS_SCRIPT, "/nowhere/vif-bridge");
    write_key(XS_MAC, "00:16:3e:01:02:03");
    write_key(XS_TYPE, "net");
    stage_settle(&s);
    CU_ASSERT(stage_says(&s, R "/error", "/nowhere/vif-bridge: No such file"));
    CU_ASSERT(!is_there());
    end();
}

static void a_script_that_takes_too_long(void)
{
    if (!start())
        return;
    s.daemon.script_timeout = (struct timeval){.tv_usec = 1000};
    request("[ $1 = remove ] || read -r line <$(dirname $0)/gate; true");
    wait_refused("took too long");
    wait_until_gone();
    end();
}

static void a_request_may_be_withdrawn_meanwhile(void)
{
    if (!start())
        return;
    request("echo $1 >&3; [ $1 = remove ] || read -r line <$(dirname $0)/gate; true");
    stage_settle(&s);
    stage_remove(s.toolstack, R);
    stage_settle(&s);
    wait_until_gone();
    CU_ASSERT(was_told("remove"));
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_ADD], 0);
    end();
}

/* Dead ones that nobody has heard of as well. */
static unsigned count_children(void)
{
    FILE *file = fopen("/proc/thread-self/children", "r");
    unsigned count = 0;
    int pid;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fscanf(file, "%d", &pid) == 1)
        count++;
    fclose(file);
    return count;
}

/* Who was killed may still be at it until its end is heard of. */
static void it_is_removed_when_nobody_adds_it_any_more(void)
{
    if (!start())
        return;
    request("echo $1 >&3; [ $1 = remove ] || read -r line <$(dirname $0)/gate; true");
    stage_settle(&s);
    event_del(child);
    stage_remove(s.toolstack, R);
    stage_settle(&s);
    CU_ASSERT(is_there());
    CU_ASSERT_EQUAL(count_children(), 1);
    while (waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOWAIT) < 0)
        ;
    event_add(child, NULL);
    event_active(child, EV_SIGNAL, 1);
    wait_until_gone();
    CU_ASSERT(was_told("remove"));
    end();
}

/* ---- without ---- */

static void without_a_script_it_is_left_alone(void)
{
    struct ifreq answer;

    if (!start())
        return;
    write_key(XS_MTU, "2000");
    request(NULL);
    stage_wait(&s, R "/number", "1");
    CU_ASSERT_EQUAL(ask(SIOCGIFFLAGS, &answer), 0);
    CU_ASSERT(!(answer.ifr_flags & IFF_UP));
    CU_ASSERT_EQUAL(mtu(), 2000);
    remove_it();
    end();
}

static void a_bad_request_is_refused(void)
{
    static const char *const bad[][3] = {
        {"mac", "00:16:3e:01:02", "mac: 00:16:3e:01:02 is not a MAC address"},
        {"mac", "01:16:3e:01:02:03", "is not a MAC address"},
        {"mtu", "67", "mtu: 67 is not a number from 68"},
        {"queues", "9", "queues: 9 is not a number from 1 to 8"},
        {"link", "sideways", "link: sideways is not up or down"},
        {"target", "/x", "target: this type of device has none"},
        {"bridge", "a-bridge-that-has-too-long-a-name", "the name of the bridge is too long"},
    };

    if (!start())
        return;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request(NULL);
        write_key(bad[i][0], bad[i][1]);
        stage_settle(&s);
        CU_ASSERT(stage_says(&s, R "/error", bad[i][2]));
        CU_ASSERT(!is_there());
        stage_remove(s.toolstack, R);
        stage_settle(&s);
    }
    end();
}

/* ---- a life ---- */

static void a_new_worker_finds_it_as_it_was(void)
{
    if (!start())
        return;
    request("echo $1 >&3");
    stage_wait(&s, R "/number", "1");
    unlink(told);
    stage_worker_dies(worker());
    stage_wait(&s, B7 "/state", "5");
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_ADD], 1);
    CU_ASSERT(!was_told("add"));
    CU_ASSERT(stage_is(&s, R "/vif", VIF));
    CU_ASSERT(is_there());
    remove_it();
    end();
}

static void a_daemon_that_starts_makes_it_again(void)
{
    if (!start())
        return;
    request("[ $1 = remove ] || read -r line <$(dirname $0)/gate; true");
    stage_settle(&s);
    open_gate();
    stage_wait(&s, R "/number", "1");
    stage_stop_daemon(&s);
    stage_start_daemon(&s);
    stage_settle(&s);
    /* Nobody takes its device away while the script runs. */
    CU_ASSERT(stage_is(&s, B7 "/device/1/name", "net"));
    CU_ASSERT(stage_is(&s, R "/number", "1"));
    open_gate();
    while (!worker() || !worker()->got[IPC_DEVICE_ADD])
        event_base_loop(s.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(worker()->last_add.device.number, 1);
    stage_settle(&s);
    remove_it();
    end();
}

/* ---- a setting ---- */

static void the_link_is_set_while_it_lives(void)
{
    if (!start())
        return;
    request(NULL);
    stage_wait(&s, R "/number", "1");
    write_key(XS_LINK, "down");
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_SET], 1);
    CU_ASSERT_EQUAL(worker()->last.answer.number, 1);
    CU_ASSERT_STRING_EQUAL(worker()->last.answer.text, "link=down");
    write_key(XS_LINK, "down");
    write_key(XS_LINK, "askew");
    stage_settle(&s);
    CU_ASSERT_EQUAL(worker()->got[IPC_DEVICE_SET], 1);
    write_key(XS_LINK, "up");
    stage_settle(&s);
    CU_ASSERT_STRING_EQUAL(worker()->last.answer.text, "link=up");
    /* What was set last is what a new worker is told; the interface stays. */
    write_key(XS_LINK, "down");
    stage_settle(&s);
    stage_worker_dies(worker());
    stage_wait(&s, B7 "/state", "5");
    stage_settle(&s);
    CU_ASSERT_STRING_EQUAL(choices_get(&worker()->last_add.device.choices, XS_LINK), "down");
    CU_ASSERT(is_there());
    remove_it();
    end();
}

int main(void)
{
    static const struct test_case cases[] = {
        TEST(the_script_is_called_as_xl_does),
        TEST(nobody_waits_for_the_script),
        TEST(what_the_script_says_is_the_refusal),
        TEST(a_complaint_in_xenstore_is_found),
        TEST(a_script_that_is_not_there),
        TEST(a_script_that_takes_too_long),
        TEST(a_request_may_be_withdrawn_meanwhile),
        TEST(it_is_removed_when_nobody_adds_it_any_more),
        TEST(without_a_script_it_is_left_alone),
        TEST(a_bad_request_is_refused),
        TEST(a_new_worker_finds_it_as_it_was),
        TEST(a_daemon_that_starts_makes_it_again),
        TEST(the_link_is_set_while_it_lives),
        {NULL, NULL},
    };

    return test_main("target-net", cases);
}
