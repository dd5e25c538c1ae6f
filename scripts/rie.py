"""Calls a function under the runtime interface emulator: see scripts/rie."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import samcli

EMULATOR = pathlib.Path(samcli.__file__).parent / "local/rapid/aws-lambda-rie-x86_64"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(port):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise SystemExit("the emulator does not listen")


def main(bootstrap, event):
    payload = pathlib.Path(event).read_bytes()
    outer, inner = free_ports(2)
    defaults = {
        "AWS_LAMBDA_FUNCTION_NAME": pathlib.Path(bootstrap).parent.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    command = [EMULATOR, "--runtime-interface-emulator-address", f"127.0.0.1:{outer}",
               "--runtime-api-address", f"127.0.0.1:{inner}", "--log-level", "error", bootstrap]
    with tempfile.TemporaryFile() as log:
        emulator = subprocess.Popen(command, env=defaults | os.environ, stdout=log, stderr=log)
        try:
            wait_for(outer)
            url = f"http://127.0.0.1:{outer}/2015-03-31/functions/function/invocations"
            started = time.monotonic()
            with urllib.request.urlopen(urllib.request.Request(url, payload), timeout=60) as answer:
                text = answer.read().decode()
            passed = (time.monotonic() - started) * 1000
        finally:
            emulator.terminate()
            emulator.wait()
        log.seek(0)
        said = log.read().decode(errors="replace")
    print(text)
    print(f"{passed:.0f} ms", file=sys.stderr)
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {"errorType": "not JSON"}
    # It answers 200 for a failure, too: the body tells.
    if isinstance(answer, dict) and "errorType" in answer:
        sys.stderr.write(said)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
