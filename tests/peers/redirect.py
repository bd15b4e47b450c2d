"""Sends every request that a connector makes to a simulator, and lets none go anywhere else."""

import requests.adapters


class Elsewhere(RuntimeError):
    """A request to a host that no simulator stands for."""


def redirect(hosts):
    """Replaces the beginning of each request's address by `hosts` ({"https://api.example.com": "http://127.0.0.1:1234"}).

    It works below `requests`, so that neither constants, manifests nor checks for https need to be changed. A host that a reply named,
    such as a simulator's own address, passes as it is.
    """
    send = requests.adapters.HTTPAdapter.send

    def redirected(adapter, request, *arguments, **options):
        for host, simulator in hosts.items():
            if request.url == host or request.url.startswith(host + "/"):
                request.url = simulator + request.url[len(host):]
                break
        else:
            if not any(request.url.startswith(simulator + "/") for simulator in hosts.values()):
                raise Elsewhere(f"asks {request.url.split('?')[0]}, which no simulator stands for")
        return send(adapter, request, *arguments, **options)

    requests.adapters.HTTPAdapter.send = redirected
