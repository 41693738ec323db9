"""Files that people and attackers write: each is refused at the right place, with the cause and the cure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from sparkctl.inventory.loader import load
from sparkctl.inventory.problems import InventoryError, Problem

Refused = Callable[[str | bytes], tuple[Problem, ...]]

# The whole file: (content, path, line, column, part of the message, part of the hint).
WHOLE: Mapping[str, tuple[str | bytes, str, int | None, int | None, str, str]] = {
    "empty": ("", "", 1, 1, "the file is empty", "two-sparks.yml"),
    "only a comment": ("# cluster: x\n", "", 1, 1, "the file is empty", "two-sparks.yml"),
    "null": ("~", "", 1, 1, "the file is empty", "two-sparks.yml"),
    "a word": ("sparks", "", 1, 1, "a single word, and a mapping", "two-sparks.yml"),
    "a list": ("- cluster: x\n", "", 1, 1, "a list, and a mapping", "two-sparks.yml"),
    "JSON cut off": ('{"cluster": "x"', "", 1, 1, "a bracket or brace is opened", "close the mapping"),
    "list not closed": ("cluster: x\nnfs: [1, 2\n", "", 2, 6, "a bracket or brace is opened", "close the list"),
    "nothing after a bracket": ("nfs: [", "", 2, 1, "a value is missing", "write it"),
    "quote not closed": ('cluster: "two\nhead: x\n', "", 1, 10, "a quote is opened and never closed", "close it"),
    "tab before a key": ("cluster: x\nhosts:\n\ta: {}\n", "", 3, 1, "a tab", "blanks"),
    "tab as first letter": ("\tcluster: x\n", "", 1, 1, "a tab", "blanks"),
    "tab in continued text": ("cluster: x\n\thead: y\n", "", 2, 1, "a tab", "blanks"),
    "colon in a value": ("cluster: two: sparks\n", "", 1, 13, "a colon where none can stand", "quote"),
    "key without colon": ("cluster: x\nhead\n", "", 3, 1, "a key without a colon", "key: value"),
    "indentation": ("cluster: x\nhosts:\n  a: 1\n b: 2\n", "", 4, 2, "does not fit the ones above", "aligned"),
    "at sign": ("cluster: @x\n", "", 1, 10, "cannot begin with '@'", "quote"),
    "percent": ("cluster: %x\n", "", 1, 10, "cannot begin with '%'", "quote"),
    "backtick": ("cluster: `id`\n", "", 1, 10, "cannot begin with '`'", "quote"),
    "unknown escape": ('cluster: "\\q"\n', "", 1, 10, "an escape that YAML does not know", "single quotes"),
    "escape that is no letter": ('cluster: "\\ud800"\n', "", 1, 10, "an escape", "single quotes"),
    "two documents": ("cluster: x\n---\nhead: y\n", "", 2, 1, "a second document begins here", "delete"),
    "unknown version": ("%YAML 9.9\n---\na: 1\n", "", 1, 1, "version of YAML", "%YAML"),
    "tag of python": ("cluster: !!python/object/apply:os.system [id]\n", "cluster", 1, 10, "tags are not read", "tag"),
    "tag of text": ("cluster: !!str 12\n", "cluster", 1, 10, "tags are not read here: found '!!str'", "quotes"),
    "own tag": ("cluster: !secret key\n", "cluster", 1, 10, "tags are not read here: found '!secret'", "delete"),
    "anchor": ("cluster: &a x\n", "cluster", 1, 10, "anchors (&a)", "write the value out"),
    "alias": ("cluster: &a x\nhead: *a\n", "head", 2, 7, "aliases (*a)", "write the value out"),
    "merge key": ("cluster: x\n<<: {head: y}\n", "'<<'", 2, 1, "merge and value keys", "quotes"),
    "list as key": ("? [a]\n: b\n", "", 1, 3, "cannot be a key", "plain word"),
    "alias as key": ("cluster: &a x\n*a : y\n", "", 2, 1, "aliases (*a)", "plain word"),
    "number as key": ("1: 2\n", "1", 1, 1, "the key '1' without quotes is a number", '"1":'),
    "no as key": ("no: 2\n", "no", 1, 1, "the key 'no' without quotes is false", '"no":'),
    "null as key": ("~: 2\n", "'~'", 1, 1, "the key '~' without quotes is nothing", '"~":'),
    "long key": (f"{'k' * 300}: 1\n", f"'{'k' * 60}...'", 1, 1, "is too long", "plain word"),
    "latin-1": ("cluster: caf\xe9\n".encode("latin-1"), "", 1, 13, "byte 0xe9 is not UTF-8", "UTF-8"),
    "latin-1 in line 3": (b"cluster: x\n# a\n# \xfc\n", "", 3, 3, "byte 0xfc is not UTF-8", "UTF-8"),
    "utf-16": ("cluster: x\n".encode("utf-16"), "", 1, 1, "UTF-16", "UTF-8"),
    "binary": (b"\x7fELF\x02\x01\x01\x00", "", 1, 1, "U+007F", "delete"),
    "NUL": (b"cluster: x\x00\n", "", 1, 11, "U+0000", "delete"),
    "escape sequence": ("cluster: x # \x1b[2J\n", "", 1, 14, "U+001B", "delete"),
    "bidi in a comment": ("cluster: x\n# \u202eevil\n", "", 2, 3, "U+202E (right-to-left override)", "delete"),
    "bidi as an escape": ('cluster: "\\u202e"\n', "cluster", 1, 10, "U+202E (right-to-left override)", "delete"),
    "invisible letter": ("cluster: spa\u200brks\n", "cluster", 1, 10, "U+200B (zero width space)", "delete"),
    "newline as an escape": ('cluster: "a\\nb"\n', "cluster", 1, 10, "is not a name", "write a-b"),
    "too deep": ("[" * 100_000, "", 1, 21, "nested deeper than 20 levels", "right file"),
    "too deep, mappings": ("{a: " * 50_000, "", 1, 81, "nested deeper than 20 levels", "right file"),
    "too many values": ("nfs: [" + "1," * 30_000 + "1]\n", "", 1, 40_001, "more than 20000 values", "right file"),
    "too big": (b"# " + b"x" * (1 << 20), "", None, None, "the limit is 1048576", "right file"),
    "alias bomb": (
        "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n",
        "a",
        1,
        4,
        "anchors (&a)",
        "write the value out",
    ),
}

# One change to the full inventory: (old, new, path, line, part of the message, part of the hint).
BROKEN: Mapping[str, tuple[str, str, str, int, str, str]] = {
    "no cluster": ("cluster: two-sparks\n", "", "cluster", 1, "cluster is missing", "write cluster: two-sparks"),
    "cluster in capitals": ("two-sparks", "Two Sparks", "cluster", 1, "is not a name", "write two-sparks"),
    "cluster a float": ("two-sparks", "1.10", "cluster", 1, "found the number 1.10, wanted text", '"1.10"'),
    "cluster a date": ("two-sparks", "2026-11-21", "cluster", 1, "is a date to some", '"2026-11-21"'),
    "cluster null": ("two-sparks", "", "cluster", 1, "found nothing, wanted text", "write a value"),
    "cluster true": ("two-sparks", "true", "cluster", 1, "found true, wanted text", '"true"'),
    "cluster yes": ("two-sparks", "yes", "cluster", 1, "is true to some", 'write "yes", or true'),
    "cluster a mapping": ("two-sparks", "{name: x}", "cluster", 1, "found a mapping, wanted text", "two-sparks"),
    "cluster substitution": ("two-sparks", "$(touch x)", "cluster", 1, "'$(touch x)' is not a name", "touch-x"),
    "head unknown": ("head: spark-1", "head: spark1", "head", 3, "is none of the hosts", "did you mean spark-1?"),
    "head given twice": ("head: spark-1\n", "head: spark-1\nhead: spark-2\n", "head", 4, "already in line 3", "keep"),
    "host: for hosts:": ("hosts:\n", "host:\n", "host", 4, "unknown key 'host'", "did you mean hosts?"),
    "hosts for nodes": ("hosts:\n", "nodes:\n", "nodes", 4, "unknown key 'nodes'", "did you mean hosts?"),
    "host name with underscore": ("  spark-2:", "  spark_2:", "hosts.spark_2", 10, "is not a name", "spark-2"),
    "host name no": ("  spark-2:", "  no:", "hosts.no", 10, "is false to YAML", '"no":'),
    "host given twice": ("  spark-2:", "  spark-1:", "hosts.spark-1", 10, "already in line 5", "keep one"),
    "host a word": ("  spark-2:\n    address", "  x: y\n  spark-2:\n    address", "hosts.x", 10, "wanted a map", "{"),
    "adress": (
        "    address: 192.168.1.22",
        "    adress: 192.168.1.22",
        "hosts.spark-2.adress",
        11,
        "unknown",
        "address?",
    ),
    "ip for address": ("    address: 192.168.1.22", "    ip: 192.168.1.22", "hosts.spark-2.ip", 11, "unk", "address?"),
    "no address": (
        "    address: 192.168.1.22\n",
        "",
        "hosts.spark-2.address",
        10,
        "address is missing",
        "192.168.1.21",
    ),
    "no IP address": ("192.168.1.22", "192.168.1.300", "hosts.spark-2.address", 11, "is not an IP address", "1.21"),
    "short IP address": ("192.168.1.22", "192.168.22", "hosts.spark-2.address", 11, "is not an IP address", "1.21"),
    "address with port": ("192.168.1.22", "192.168.1.22:22", "hosts.spark-2.address", 11, "is not an IP", "`port:`"),
    "name with port": ("192.168.1.22", "spark:22", "hosts.spark-2.address", 11, "neither an IP", "`port:`"),
    "address with user": ("192.168.1.22", "dan@spark", "hosts.spark-2.address", 11, "neither an IP", "`user:`"),
    "address with prefix": ("192.168.1.22", "192.168.1.22/24", "hosts.spark-2.address", 11, "neither", "prefix"),
    "address an option": ("192.168.1.22", "-oProxyCommand=x", "hosts.spark-2.address", 11, "neither an IP", "write"),
    "address of nobody": ("192.168.1.22", "0.0.0.0", "hosts.spark-2.address", 11, "not the address of one", "own"),
    "address sexagesimal": ("192.168.1.22", "12:30:45", "hosts.spark-2.address", 11, "base 60", '"12:30:45"'),
    "address a number": ("192.168.1.22", "10.1", "hosts.spark-2.address", 11, "found the number 10.1", '"10.1"'),
    "two hosts, one door": (
        "192.168.1.22",
        "192.168.1.21",
        "hosts.spark-2.address",
        11,
        "is spark-1 already",
        "itself",
    ),
    "address is another's rail": (
        "192.168.1.22",
        "192.168.100.10",
        "hosts.spark-2.address",
        11,
        "not of spark-2",
        "itself",
    ),
    "user a number": ("user: eve", "user: 1000", "hosts.spark-2.user", 12, "found the number 1000", '"1000"'),
    "user hostile": ("user: eve", "user: eve;id", "hosts.spark-2.user", 12, "is not a user name", "login name"),
    "user twice": ("user: eve", "user: eve\n    ssh: {user: x}", "hosts.spark-2.ssh.user", 13, "as well", "keep one"),
    "port text": ("port: 22,", 'port: "22",', "ssh.port", 2, "found the text '22'", "22 without quotes"),
    "port octal": ("port: 22,", "port: 022,", "ssh.port", 2, "is an octal number", 'write "022", or 22'),
    "port octal 1.2": ("port: 22,", "port: 0o26,", "ssh.port", 2, "is an octal number", '"0o26"'),
    "port hexadecimal": ("port: 22,", "port: 0x16,", "ssh.port", 2, "is a hexadecimal number", '"0x16"'),
    "port with underscore": ("port: 22,", "port: 2_2,", "ssh.port", 2, "is another number", "or 22"),
    "port too big": ("port: 22,", "port: 65536,", "ssh.port", 2, "wanted a number from 1 to 65535", "write 22"),
    "port zero": ("port: 22,", "port: 0,", "ssh.port", 2, "wanted a number from 1 to 65535", "write 22"),
    "port negative": ("port: 22,", "port: -1,", "ssh.port", 2, "found the number -1", "write 22"),
    "port a float": ("port: 22,", "port: 22.5,", "ssh.port", 2, "found the number 22.5, wanted a whole", "whole"),
    "port infinite": ("port: 22,", "port: .inf,", "ssh.port", 2, "infinite", ".inf"),
    "port true": ("port: 22,", "port: true,", "ssh.port", 2, "found true, wanted a whole number", "whole"),
    "port null": ("port: 22,", "port: null,", "ssh.port", 2, "found nothing, wanted a whole number", "delete"),
    "jump an option": ("jump: bastion", "jump: -oProxyCommand=x", "ssh.jump", 2, "is not a jump host", "[user@]"),
    "identity_file an option": ("identity_file: ~/", "identity_file: -i~/", "ssh.identity_file", 2, "plain path", "~"),
    "password": ("{user: dan", "{password: hunter2", "ssh.password", 2, "unknown key 'password'", "known here"),
    "rail without mapping": (
        "{address: 192.168.100.11/24}",
        "192.168.100.11/24",
        "hosts.spark-2.fabric.enp1s0f1np1",
        14,
        "found the text",
        "{address: ",
    ),
    "rail without prefix": (
        "100.11/24",
        "100.11",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "is missing",
        "100.11/24",
    ),
    "rail prefix too long": (
        "100.11/24",
        "100.11/32",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "between 8 and 31",
        "/24",
    ),
    "rail prefix a mask": (
        "100.11/24",
        "100.11/255.255.255.0",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "between 8",
        "/24",
    ),
    "rail broadcast": (
        "100.11/24",
        "100.255/24",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "last address",
        "100.1/24",
    ),
    "rail network": (
        "100.11/24",
        "100.0/24",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "first address",
        "100.1/24",
    ),
    "rail IPv6": (
        "192.168.100.11/24",
        "fd00::1/64",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "not an IPv4",
        "/24",
    ),
    "rail loopback": (
        "192.168.100.11/24",
        "127.0.0.1/8",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "cannot be",
        "/24",
    ),
    "rail taken": (
        "100.11/24",
        "100.10/24",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "is the address of enp1s0f1np1 of spark-1",
        "/24",
    ),
    "rail reaches nobody": (
        "100.11/24",
        "102.11/24",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "would reach nobody",
        "192.168.100.0/24",
    ),
    "rail prefix differs": (
        "100.11/24",
        "100.11/25",
        "hosts.spark-2.fabric.enp1s0f1np1.address",
        14,
        "is a part of",
        "100.11/24",
    ),
    "rail misspelt": (
        "{address: 192.168.100.11/24}",
        "{adress: 192.168.100.11/24}",
        "hosts.spark-2.fabric.enp1s0f1np1.adress",
        14,
        "unknown",
        "address?",
    ),
    "netdev too long": (
        "      enp1s0f1np1:   {address: 192.168.100.11/24}",
        "      enp1s0f1np1withmore: {address: 192.168.100.11/24}",
        "hosts.spark-2.fabric.enp1s0f1np1withmore",
        14,
        "network device",
        "enp1s0f1np1",
    ),
    "netdev hostile": (
        "      enp1s0f1np1:   {address: 192.168.100.11/24}",
        "      ../eth0: {address: 192.168.100.11/24}",
        "hosts.spark-2.fabric.'../eth0'",
        14,
        "network device",
        "ip -br link",
    ),
    "netdev twice": (
        "      enP2p1s0f1np1: {address: 192.168.101.11/24}",
        "      enp1s0f1np1: {address: 192.168.101.11/24}",
        "hosts.spark-2.fabric.enp1s0f1np1",
        15,
        "already in line 14",
        "keep",
    ),
    "no fabric on one host": (
        "    fabric:\n      enp1s0f1np1:   {address: 192.168.100.11/24}\n"
        "      enP2p1s0f1np1: {address: 192.168.101.11/24}\n",
        "",
        "hosts.spark-2",
        10,
        "has no fabric and spark-1 has",
        "fabric",
    ),
    "topology misspelt": (
        "topology: pair",
        "topology: pear",
        "fabric.topology",
        17,
        "wanted pair, ring, switch or none",
        "write pair",
    ),
    "topology of three": (
        "topology: pair",
        "topology: ring",
        "fabric.topology",
        17,
        "three hosts or more, and here are 2",
        "pair",
    ),
    "mtu too small": ("mtu: 9000", "mtu: 1279", "fabric.mtu", 17, "wanted a number from 1280 to 9216", "write 9000"),
    "mtu too large": ("mtu: 9000", "mtu: 9217", "fabric.mtu", 17, "wanted a number from 1280 to 9216", "write 9000"),
    "mtu text": ("mtu: 9000", "mtu: jumbo", "fabric.mtu", 17, "found the text 'jumbo'", "write a whole number"),
    "fabric null": (
        "{topology: pair, mtu: 9000}",
        "",
        "fabric",
        17,
        "found nothing, wanted a mapping",
        "delete the line",
    ),
    "export relative": ("export: /home/dan", "export: home/dan", "nfs[0].export", 19, "is not an absolute path", "/"),
    "export at home": ("export: /home/dan", "export: ~", "nfs[0].export", 19, "begins with ~", "/home/USER"),
    "export with ..": ("export: /home/dan", "export: /home/../etc", "nfs[0].export", 19, ". or .. as a part", "write"),
    "export of the system": (
        "export: /home/dan/.cache/huggingface",
        "export: /etc",
        "nfs[0].export",
        19,
        "belongs to",
        "/srv",
    ),
    "export hostile": (
        "export: /home/dan",
        "export: /home/$(id)",
        "nfs[0].export",
        19,
        "is not a plain path",
        "letters",
    ),
    "mount over home": ("mount: /srv/huggingface", "mount: /home", "nfs[0].mount", 19, "belongs to the system", "/srv"),
    "server unknown": (
        "server: spark-1",
        "server: nas",
        "nfs[0].server",
        19,
        "is none of the hosts",
        "spark-1, spark-2",
    ),
    "server a client": (
        "clients: [spark-2]",
        "clients: [spark-2, spark-1]",
        "nfs[0].clients[1]",
        19,
        "is the server",
        "delete",
    ),
    "client unknown": (
        "clients: [spark-2]",
        "clients: [spark-3]",
        "nfs[0].clients[0]",
        19,
        "is none of the hosts",
        "spark-",
    ),
    "client twice": (
        "clients: [spark-2]",
        "clients: [spark-2, spark-2]",
        "nfs[0].clients[1]",
        19,
        "in the list",
        "delete",
    ),
    "clients a word": ("clients: [spark-2]", "clients: spark-2", "nfs[0].clients", 19, "wanted a list", "[spark-2]"),
    "mode unknown": ("mode: ro}", "mode: r}", "nfs[0].mode", 19, "wanted rw or ro", "write r"),
    "nfs a mapping": ("nfs:\n  - {", "nfs:\n  - {path: x, ", "nfs[0].path", 19, "unknown key 'path'", "export?"),
    "share twice": (
        "runtime:\n",
        "  - {export: /srv/huggingface/hub, server: spark-2, clients: []}\nruntime:\n",
        "nfs[1].export",
        20,
        "is inside /srv/huggingface of nfs[0] on spark-2",
        "apart",
    ),
    "image in capitals": (
        "nvcr.io/nvidia/vllm",
        "nvcr.io/NVIDIA/vLLM",
        "runtime.image",
        21,
        "is not an image",
        "nvcr.io/nvidia/vllm:25",
    ),
    "image hostile": (
        "nvcr.io/nvidia/vllm",
        "--privileged/vllm",
        "runtime.image",
        21,
        "is not an image",
        "registry/name:tag",
    ),
    "image a list": (
        "image: nvcr.io/nvidia/vllm:25.11-py3",
        "image: [x]",
        "runtime.image",
        21,
        "found a list, wanted text",
        "build",
    ),
    "image misspelt build": (
        "image: nvcr.io/nvidia/vllm:25.11-py3",
        "image: {bild: ./x}",
        "runtime.image.bild",
        21,
        "unknown",
        "build?",
    ),
    "image at the top": (
        "serve:",
        "image: x\nserve:",
        "image",
        28,
        "unknown key 'image'",
        "image stands under runtime",
    ),
    "launcher no": (
        "launcher: ray",
        "launcher: off",
        "runtime.launcher",
        22,
        "is false to some readers",
        'write "off"',
    ),
    "launcher unknown": (
        "launcher: ray",
        "launcher: rey",
        "runtime.launcher",
        22,
        "wanted ray, mp, auto or slurm",
        "write ray",
    ),
    "env a list": (
        "env: {NCCL_IB_TC: 106}",
        "env: [NCCL_IB_TC=106]",
        "runtime.env",
        23,
        "found a list, wanted a map",
        "write",
    ),
    "env name": ("{NCCL_IB_TC: 106}", "{nccl-ib: 106}", "runtime.env.nccl-ib", 23, "not a variable's name", "letters"),
    "env float": ("{NCCL_IB_TC: 106}", "{A: 1.10}", "runtime.env.A", 23, "found the number 1.10", '"1.10"'),
    "env true": ("{NCCL_IB_TC: 106}", "{A: true}", "runtime.env.A", 23, "found true, wanted text", '"true"'),
    "env nothing": ("{NCCL_IB_TC: 106}", "{A: }", "runtime.env.A", 23, "found nothing", "write a value"),
    "env newline": ("{NCCL_IB_TC: 106}", '{A: "x\\ny"}', "runtime.env.A", 23, "a line break", "one line"),
    "env secret by name": (
        "{NCCL_IB_TC: 106}",
        "{HF_TOKEN: abc}",
        "runtime.env.HF_TOKEN",
        23,
        "is a secret",
        "hf_token_file",
    ),
    "env secret by value": (
        "{NCCL_IB_TC: 106}",
        "{A: hf_abcdefghijklmnopqrstuv}",
        "runtime.env.A",
        23,
        "looks like a secret",
        "api_key_file",
    ),
    "env secret in URL": (
        "{NCCL_IB_TC: 106}",
        "{https_proxy: 'http://me:pw@proxy'}",
        "runtime.env.https_proxy",
        23,
        "secret",
        "file",
    ),
    "host env secret": (
        "{OMP_NUM_THREADS: 4}",
        "{VLLM_API_KEY: abc}",
        "hosts.spark-2.env.VLLM_API_KEY",
        16,
        "secret",
        "api_key_file",
    ),
    "docker_args a word": (
        "[--shm-size, 10g]",
        "--shm-size=10g",
        "runtime.docker_args",
        24,
        "wanted a list",
        "[--shm-size=10g]",
    ),
    "docker_args a number": (
        "[--shm-size, 10g]",
        "[--pids-limit, 4096]",
        "runtime.docker_args[1]",
        24,
        "the number 4096",
        '"4096"',
    ),
    "docker_args secret": (
        "[--shm-size, 10g]",
        "[-e, HF_TOKEN=abc]",
        "runtime.docker_args[1]",
        24,
        "holds a secret",
        "hf_token_file",
    ),
    "docker_args secret glued": (
        "[--shm-size, 10g]",
        "[-eMY_PASSWORD=abc]",
        "runtime.docker_args[0]",
        24,
        "holds a secret",
        "file",
    ),
    "hf_token": (
        "hf_token_file: ~/.token",
        "hf_token: hf_abcdefghijklmnopqrstuv",
        "runtime.hf_token",
        25,
        "unknown",
        "hf_token_file?",
    ),
    "hf_cache relative": ("hf_cache: /srv", "hf_cache: srv", "runtime.hf_cache", 27, "is not an absolute path", "/"),
    "api_key": (
        "api_key_file: ./key",
        "api_key: sesame",
        "serve.api_key",
        28,
        "unknown key 'api_key'",
        "api_key_file?",
    ),
    "serve port": ("port: 8000", "port: 99999", "serve.port", 28, "wanted a number from 1 to 65535", "write 8000"),
    "lab hostile": ("lab: rack", "lab: ../rack", "lab", 29, "is not a name", "write rack"),
}


@pytest.mark.parametrize("case", WHOLE.values(), ids=WHOLE.keys())
def test_whole_file(case: tuple[str | bytes, str, int | None, int | None, str, str], refused: Refused) -> None:
    content, path, line, column, message, hint = case
    found = refused(content)
    hit = next((p for p in found if p.path == path and message in p.message), None)
    assert hit is not None, found
    assert (hit.line, hit.column) == (line, column)
    assert hint in (hit.hint or "")


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_one_fault(case: tuple[str, str, str, int, str, str], full: str, refused: Refused) -> None:
    old, new, path, line, message, hint = case
    assert old in full
    found = refused(full.replace(old, new, 1))
    hit = next((p for p in found if p.path == path and message in p.message), None)
    assert hit is not None, found
    assert hit.line == line
    assert hit.column is not None
    assert hint in (hit.hint or ""), hit


def test_enough_cases() -> None:
    assert len(WHOLE) + len(BROKEN) >= 60


ONE_FAULT_TWO_PLACES = {
    "host given twice",
    "host a word",
    "host name no",
    "host name with underscore",
    "rail reaches nobody",
}
"""A fault between two things is told at both; what stands below a broken thing may be broken with it."""


@pytest.mark.parametrize("name", sorted(set(BROKEN) - ONE_FAULT_TWO_PLACES))
def test_one_fault_is_told_once(name: str, full: str, refused: Refused) -> None:
    old, new = BROKEN[name][:2]
    found = refused(full.replace(old, new, 1))
    assert len(found) == 1, found


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_columns_point_at_what_is_wrong(name: str, full: str, refused: Refused) -> None:
    old, new = BROKEN[name][:2]
    text = full.replace(old, new, 1)
    lines = text.splitlines()
    for problem in refused(text):
        assert problem.line is not None and problem.column is not None
        assert problem.column <= len(lines[problem.line - 1]) + 1
        here = lines[problem.line - 1][problem.column - 1 :]
        assert not here.startswith(" "), (problem, here)


def test_all_faults_at_once_in_the_order_of_the_lines(refused: Refused) -> None:
    found = refused(
        "cluster: Two\n"
        "head: spark-3\n"
        "hosts:\n"
        "  spark-1: {address: 10.0.0.1, prot: 2222}\n"
        "  spark-2: {address: 10.0.0.1}\n"
        "fabric: {mtu: 64}\n"
        "nfs: [{export: ../x, server: nas}]\n"
        "serve: {port: yes}\n"
    )
    assert [(p.line, p.path) for p in found] == [
        (1, "cluster"),
        (2, "head"),
        (4, "hosts.spark-1.prot"),
        (5, "hosts.spark-2.address"),
        (6, "fabric.mtu"),
        (7, "nfs[0].export"),
        (7, "nfs[0].server"),
        (8, "serve.port"),
    ]


def test_what_stood_before_a_syntax_error_is_told_too(refused: Refused) -> None:
    found = refused("cluster: Two\nhead: yes\nhosts: [\n")
    assert [(p.line, p.path) for p in found] == [(1, "cluster"), (2, "head"), (4, "")]


def test_the_error_tells_them_all(full: str) -> None:
    with pytest.raises(InventoryError) as caught:
        load(full.replace("two-sparks", "Two").replace("mtu: 9000", "mtu: 64"), "my.yml")
    error = caught.value
    assert error.exit_code == 3
    assert error.message == (
        "reading inventory my.yml: cluster: 'Two' is not a name: small letters, digits and hyphens are wanted, "
        "63 at most, a letter or digit first and last (and 1 more problem)"
    )
    assert error.hint == "write two"
    assert str(error.location) == "my.yml:1:10"
    assert error.evidence is not None and "my.yml:17:31: fabric.mtu" in error.evidence


def test_a_hundred_problems_are_enough(refused: Refused) -> None:
    found = refused("".join(f"key{n}: 1\n" for n in range(500)))
    assert len(found) == 101
    assert found[-1].message == "403 more problems are not shown"


def test_secrets_are_never_repeated(full: str, refused: Refused) -> None:
    secret = "hf_verysecretverysecretverysecret"
    for old, new in (
        ("{NCCL_IB_TC: 106}", f"{{HF_TOKEN: {secret}}}"),
        ("{NCCL_IB_TC: 106}", f"{{A: {secret}}}"),
        ("{NCCL_IB_TC: 106}", f"{{HF_TOKEN: [{secret}]}}"),
        ("[--shm-size, 10g]", f"[-e, HF_TOKEN={secret}]"),
        ("[--shm-size, 10g]", f"HF_TOKEN={secret}"),
        ("hf_token_file: ~/.token", f"hf_token: {secret}"),
    ):
        assert secret not in repr(refused(full.replace(old, new, 1))), new
