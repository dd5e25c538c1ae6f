"""Google's own gRPC client for Python: knows of the server only what reflection tells it.

    grpc_client.py ADDRESS calls PID    calls it, and prints what came of that as JSON; in between,
                                        the process PID is halted and goes on
    grpc_client.py ADDRESS watch        watches its health, and prints each status in a line
"""

import json
import os
import pathlib
import signal
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICE = "lmall.inventory.v1.Inventory"
METADATA = [
    ("x-request-id", "asked-by-python"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("x-customer-id", "ann"),
]


class Called:
    """The methods of a service, as reflection describes them."""

    def __init__(self, channel, database, service):
        self.channel = channel
        described = DescriptorPool(database).FindServiceByName(service)
        self.methods = {method.name: method for method in described.methods}

    def __call__(self, name, fields, metadata=(), timeout=5):
        method = self.methods[name]
        call = self.channel.unary_unary(
            f"/{method.containing_service.full_name}/{name}",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        request = GetMessageClass(method.input_type)(**fields)
        try:
            answer, told = call.with_call(request, timeout=timeout, metadata=list(metadata))
        except grpc.RpcError as error:
            told = dict(error.initial_metadata() or ()) | dict(error.trailing_metadata() or ())
            return {
                "status": error.code().name,
                "violations": "grpc-status-details-bin" in told,
                "request_id": told.get("x-request-id"),
            }
        told = dict(told.initial_metadata())
        return {
            "status": "OK",
            "answer": MessageToDict(answer, preserving_proto_field_name=True),
            "told": {name: told.get(name) for name, _ in METADATA},
        }


def halted(pid):
    """Whether every thread of the process has noticed that it is to stop."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return all(
        (thread / "stat").read_text().rsplit(") ", 1)[1].startswith("T") for thread in threads
    )


def calls(channel, pid):
    database = ProtoReflectionDescriptorDatabase(channel)
    call = Called(channel, database, SERVICE)
    health = health_pb2_grpc.HealthStub(channel)

    def healthy(service):
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            status = health.Check(request, timeout=5, wait_for_ready=True).status
        except grpc.RpcError as error:
            return error.code().name
        return health_pb2.HealthCheckResponse.ServingStatus.Name(status)

    def too_late():
        os.kill(pid, signal.SIGSTOP)
        try:
            while not halted(pid):
                pass
            return call("GetAvailability", {"sku": "tea"}, timeout=0.2)
        finally:
            os.kill(pid, signal.SIGCONT)

    return {
        "services": sorted(database.get_services()),
        "one": call("GetAvailability", {"sku": "tea"}, METADATA),
        "many": call("BatchGetAvailability", {"skus": ["oil", "never", "tea"]}),
        "unknown": call("GetAvailability", {"sku": "never"}),
        "invalid": call("GetAvailability", {"sku": "t ea"}),
        "too_many": call("BatchGetAvailability", {"skus": [f"sku-{n}" for n in range(101)]}),
        "two_customers": call(
            "GetAvailability", {"sku": "tea"}, [("x-customer-id", "ann"), ("x-customer-id", "bob")]
        ),
        "too_late": too_late(),
        "after_that": call("GetAvailability", {"sku": "tea"}),
        "health": {name: healthy(name) for name in ["", SERVICE, "lmall.order.v1.Orders"]},
    }


def watch(channel):
    request = health_pb2.HealthCheckRequest(service=SERVICE)
    for answer in health_pb2_grpc.HealthStub(channel).Watch(request, timeout=60):
        print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status), flush=True)
    print("END", flush=True)


def main():
    address, what, *pid = sys.argv[1:]
    with grpc.insecure_channel(address) as channel:
        if what == "calls":
            print(json.dumps(calls(channel, int(pid[0]))))
        else:
            watch(channel)


main()
