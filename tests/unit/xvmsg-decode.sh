#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the xen-virtio-msg authors
#
# xvmsg decode and xvmsg encode, as a person or a script uses them.
set -u

# shellcheck source=tests/unit/tap.sh
. "${top_srcdir:-.}/tests/unit/tap.sh"

xvmsg=${top_builddir:-.}/xvmsg
out=$scratch/out
err=$scratch/err

# status WANTED ARGUMENT ...: xvmsg ends with this exit status
status()
{
	wanted=$1
	shift
	"$xvmsg" "$@" >"$out" 2>"$err"
	got=$?
	echo "exit status $got, expected $wanted: $*"
	cat "$out" "$err"
	[ "$got" -eq "$wanted" ]
}

# says TEXT WANTED ARGUMENT ...: and standard error contains TEXT
says()
{
	text=$1
	shift
	status "$@" && grep -qF -- "$text" "$err"
}

# prints TEXT ARGUMENT ...: standard output is TEXT, nothing is complained about
prints()
{
	text=$1
	shift
	status 0 "$@" && [ "$(cat "$out")" = "$text" ] && [ ! -s "$err" ]
}

# returns FORM HEX: through JSON and back
returns()
{
	json=$("$xvmsg" decode --form "$1" --json "$2") || return 1
	echo "$json"
	[ "$("$xvmsg" encode "$json")" = "$(echo "$2" | tr -d ' :\n')" ]
}

# ---- decode ----

info='00 02 02 00 10 00 00 00 05 00 00 00 00 00 00 00'
used='00:42:00:00:14:00:00:00:01:00:00:00:01:00:00:00:00:00:00:00'
devices='030209002400000000000000000000000000000000000000100000000000000010002500'
queue="00 0a 03 00 38 00 00 00 05 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 01 00 00 00 00 00 00
00 00 01 00 00 00 00 00 00 10 01 00 00 00 00 00 00 20 01 00 00 00 00 00"

ok "decodes a request" prints "GET_DEVICE_INFO request dev 5 token 2" decode "$info"
ok "takes colons" prints "EVENT_USED dev 4294967297 token 0 vq_index=0" decode "$used"
ok "takes capitals and line ends" prints "SET_VQUEUE request dev 5 token 3 index=0 flags=0x1 \
size=256 reserved=0 desc_addr=0x10000 driver_addr=0x11000 device_addr=0x12000" \
	decode "$(echo "$queue" | tr a-f A-F)"
ok "decodes a bus response" prints \
	"GET_DEVICES response token 9 offset=0 next_offset=16 count=16 bitmap=2500" decode "$devices"
ok "decodes the compact form" prints "EVENT_USED dev 513 token 1027 vq_index=1" \
	decode --form compact 0042010203040c0001000000
ok "json names every field" prints \
	'{"form":"wide","message":"GET_DEVICES","type":"response","token":9,'\
'"offset":0,"next_offset":16,"count":16,"bitmap":"2500"}' decode --json "$devices"

lines()
{
	printf '%s\n\n%s\nzz\n%s\n' "$info" "$used" "$devices" | "$xvmsg" decode >"$out" 2>"$err"
	[ $? -eq 1 ] && [ "$(wc -l <"$out")" -eq 3 ] && grep -qF 'line 4: not a hex digit' "$err"
}
ok "reads lines, complains by number and goes on" lines
ok "goes on after a bad argument" says "message 1: a hex digit without its partner" 1 decode 0 "$info"
ok "prints the good ones" grep -q 'GET_DEVICE_INFO request' "$out"
ok "names a cut message" says "msg_size: the bytes end too early" 1 decode \
	00020000200000000500000000000000
ok "names what is too short for a header" says \
	"the message is 1 byte long, a header alone has 16 (8 in the compact form)" 1 decode 00
ok "in the compact form, too" says "the message is 7 bytes long, a header alone has 8" 1 decode \
	--form compact 00020000200000
ok "names an impossible size" says "msg_size: impossible message size" 1 decode \
	00020000080000000500000000000000
ok "names an unknown id" says "msg_id: no such message: 0x3f of bus responses" 1 decode \
	033f0000100000000000000000000000
ok "names the field that lacks" says "vq_index: the bytes end too early" 1 decode \
	00420000100000000500000000000000
ok "names a bus message's device number" says "dev_num: value not allowed here" 1 decode \
	0203000014000000010000000000000000000000
ok "names a tail that disagrees" says "data: data does not match its count" 1 decode \
	"01 05 0000 1e00 0000 0500000000000000 00000000 00000000 04000000 0a0b"
ok "an empty argument is no message" status 1 decode ""

# ---- encode ----

event='{"message":"EVENT_USED","type":"event","token":0,"dev_num":1,"vq_index":2}'
ping='{"message":"PING","type":"request","token":1,"data":4294967295}'
used='"message":"EVENT_USED","type":"event","token":0,"vq_index":2'
config='"message":"GET_CONFIG","type":"response","token":1,"dev_num":5,"generation":0,"offset":8'
features='"message":"GET_DEVICE_FEATURES","type":"response","token":1,"dev_num":5,"block_index":0'
window='"message":"GET_DEVICES","type":"response","token":1,"offset":0,"next_offset":0'
device='"message":"GET_DEVICE_INFO","type":"response","token":1,"dev_num":1,"device_id":1,"vendor_id":1'

# encodes HEX JSON
encodes()
{
	prints "$1" encode "$2"
}

# refuses SENTENCE JSON
refuses()
{
	says "$1" 1 encode "$2"
}

ok "wide returns" returns wide "$info"
ok "addresses return" returns wide "$queue"
ok "bitmap returns" returns wide "$devices"
ok "words return" returns wide \
	"00 04 0100 2000 0000 ffffffffffffffff 00000000 02000000 ffffffff 01000080"
ok "uuid returns" returns compact "01 02 0500 0100 3400 02000000 51454d55 \
00112233445566778899aabbccddeeff 02000000 10000000 03000000 00000000 00000000"
ok "data returns" returns compact \
	"00 40 0500 0000 1a00 0f000000 01000000 00000000 02000000 0a0b"
ok "a range without data returns" returns compact \
	"00 40 0500 0000 1800 0f000000 01000000 00000000 02000000"
ok "wide is the default" encodes 0042000014000000010000000000000002000000 "$event"
ok "a request is the default" encodes 00020000100000000100000000000000 \
	'{"message":"GET_DEVICE_INFO","dev_num":1}'
ok "an event, where there is no request" encodes 0042000014000000010000000000000002000000 \
	'{"message":"EVENT_USED","dev_num":1,"vq_index":2}'
ok "--form decides" prints 0042010000000c0002000000 encode --form compact "$event"
ok "the object's form is kept" encodes 0042010000000c0002000000 "{\"form\":\"compact\",${event#?}"

together()
{
	printf '%s %s\n{"message":"PING",\n"type":"request","token":1,"data":0}' "$ping" "$ping" |
		"$xvmsg" encode --form compact >"$out" 2>"$err" && [ "$(wc -l <"$out")" -eq 3 ]
}
ok "objects may follow each other and span lines" together
ok "a count may be given" encodes \
	0105010020000000050000000000000000000000080000000400000001020304 \
	"{$config,\"length\":4,\"data\":\"01020304\"}"
ok "or is derived from the data" encodes \
	0105010020000000050000000000000000000000080000000400000001020304 \
	"{$config,\"data\":\"01020304\"}"
ok "or from the words" encodes 01030100200000000500000000000000000000000200000001000000ffffffff \
	"{$features,\"features\":[1,4294967295]}"
ok "the greatest device number" encodes 0042000014000000ffffffffffffffff02000000 \
	"{$used,\"dev_num\":18446744073709551615}"
ok "numbers beyond 64 bits" refuses "a number beyond 64 bits" \
	"{$used,\"dev_num\":18446744073709551616}"
ok "a number beyond its field" refuses "'data' must be a whole number from 0 to 4294967295" \
	'{"message":"PING","type":"request","token":1,"data":4294967296}'
ok "a negative number" refuses "'token' must be a whole number" \
	'{"message":"PING","type":"request","token":-1,"data":1}'
ok "a fraction" refuses "'data' must be a whole number" \
	'{"message":"PING","type":"request","token":1,"data":1.5}'
ok "a device number beyond the form" refuses "'dev_num': value not allowed here" \
	"{\"form\":\"compact\",$used,\"dev_num\":65536}"
ok "an unknown key" refuses "'dev_num' is not a key of PING" \
	'{"message":"PING","type":"request","token":1,"dev_num":0,"data":1}'
ok "a missing key" refuses "'dev_num' is missing" "{$used}"
ok "an unknown message" refuses "there is no message \"PONG\"" \
	'{"message":"PONG","type":"request","token":1,"data":1}'
ok "an unknown type" refuses "'type': PING has no such type as \"event\"" \
	'{"message":"PING","type":"event","token":1,"data":1}'
ok "a bad form" refuses "'form' must be" "{\"form\":\"v1\",${event#?}"
ok "a bad uuid" refuses "'device_uuid' must be a UUID" "{$device,\"device_uuid\":\"00\"}"
ok "bad data" refuses "'data': a hex digit without its partner" "{$config,\"data\":\"012\"}"
ok "a bad word" refuses "'features' must be a whole number" "{$features,\"features\":[\"1\"]}"
ok "a count that disagrees" refuses "'features': data does not match its count" \
	"{$features,\"num_blocks\":2,\"features\":[1]}"
ok "spare bitmap bits" refuses "'bitmap': data does not match its count" \
	"{$window,\"count\":3,\"bitmap\":\"08\"}"
ok "a bitmap's count is not derived" refuses "'count' is missing" "{$window,\"bitmap\":\"08\"}"
ok "not an object" refuses "a message must be a JSON object" '[]'
ok "not JSON" refuses "not JSON" '{"message":PING}'
for word in foo 12 '"PING"' PING; do
	ok "$word is not JSON of a message" refuses "not JSON: a message begins with '{'" "$word"
done
ok "a type that is no string" refuses "'type' must be a string" '{"message":"PING","type":null}'
ok "a token that is no number" refuses "'token' must be a whole" '{"message":"PING","token":"1"}'
ok "cut JSON" refuses "the JSON text ends too early" '{"message":"PING"'
ok "goes on after a bad object" status 1 encode '{}' "$ping"
ok "prints the good one" grep -q '^0203010014000000' "$out"

# ---- usage ----

ok "no command" says "usage: xvmsg" 2
ok "unknown command" says "no command 'frob'" 2 frob
ok "--backend without a domain" says "needs a domain" 2 --backend
ok "--backend of nothing" says "needs a domain" 2 --backend= list
ok "decode asks no daemon" says "asks no daemon" 2 --backend=store decode 00
ok "trace runs where the daemon does" says "run it in domain store" 2 --backend store trace guest1
ok "help" status 0 --help
ok "help names decode" grep -q decode "$out"
ok "version" status 0 --version
ok "version names the program" grep -q '^xvmsg [0-9.]*$' "$out"
ok "decode --help" status 0 decode --help
ok "encode --help" status 0 encode --help
ok "unknown option" says "xvmsg decode: unrecognized option '--frob'" 2 decode --frob
ok "bad form" says "not 'v1'" 2 decode --form v1 "$info"
ok "bad form to encode" says "not 'v1'" 2 encode --form v1 "$ping"

full()
{
	"$xvmsg" encode "$ping" >/dev/full 2>"$err"
	[ $? -eq 1 ] && [ -s "$err" ]
}
[ -c /dev/full ] && ok "output that cannot be written is an error" full
finish
