"""Drives a real server on a free port of the loopback: every route, then what clients do wrong, then
load, reload and shutdown. Standard library only. Usage: http_test.py FIXTURE (see fixture.c)."""

import os, shutil, signal, subprocess, sys, tempfile

sys.dont_write_bytecode = True
import http_harness
from http_faults import *
from http_harness import *
from http_load import *
from http_probes import *
from http_routes import *
from http_search import *
from http_tables import *


def make_page(folder):
    page = os.path.join(folder, "page")
    os.makedirs(os.path.join(page, "assets"))
    for path, text in (("page/index.html", "<p>nearsky</p>"), ("secret.txt", "secret"),
                       ("page/assets/index-1a2b.js", "1"), ("page/.hidden.txt", "secret")):
        with open(os.path.join(folder, path), "w") as file:
            file.write(text)
    os.symlink(os.path.join(folder, "secret.txt"), os.path.join(page, "link.txt"))
    return page


def main():
    folder = tempfile.mkdtemp(prefix="nsky-http-")
    servers = []
    try:
        store = os.path.join(folder, "store")
        subprocess.run([FIXTURE, "make", store, str(OBJECTS)], check=True)
        s = Server(store, "--page", make_page(folder), "--threads", "2")
        servers.append(s)
        test_operation(s)
        test_info(s)
        id = test_objects(s)
        test_object(s, id)
        jpeg, cutout, vector = test_pictures(s, id)
        neighbors = test_neighbors(s, id)
        test_search(s, id, vector, neighbors)
        test_filters(s, id)
        test_effort_and_groups(s, id)
        test_upload(s, id, jpeg, cutout)
        test_formats(s, id, cutout)
        test_accept(s, id)
        test_cone_search(s)
        probe = test_probes(s)
        test_probe_faults(s, id)
        test_described(s, id)
        test_page(s)
        test_methods(s, id)
        test_wire(s)
        test_sizes(s)
        test_slow(s, id)
        test_cancelled(s, id, cutout)
        ids = sorted(o["id"] for o in s.json(API + "/objects/random?n=200")["objects"])
        test_concurrent(s, ids)
        test_command_line(store, folder)
        narrow = Server(store, "--page", folder + "/none", "--threads", "1", "--queue", "1")
        servers.append(narrow)
        test_probes_again(narrow, probe)
        status, headers, body = narrow.ask("/")
        check(status == 404 and b"npm run build" in body, "no page: says why", body)
        test_full_queue(narrow, cutout)
        equal(narrow.stop(signal.SIGINT), 0)
        test_reload(s, store, ids)
        test_living(s, store, ids)
        test_stop(s, cutout)
    except BaseException:
        with open(os.path.join(folder, "stderr.txt")) as file:
            sys.stderr.write(file.read()[-4000:])
        raise
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()
        shutil.rmtree(folder)
    print(f"http: {http_harness.checks} checks passed")


main()
