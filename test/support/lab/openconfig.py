"""
Reads documents from stdin, one a line, and answers each with what the published OpenConfig models read in it: {"read": {...}},
or why they do not know it: {"refused": "..."}. The models are bindings of those who publish them, in package oc-config-validate.
"""

import json
import sys

from oc_config_validate.models import interfaces, network_instance
from pyangbind.lib import pybindJSON

MODELS = {
    "openconfig-interfaces:interfaces": (interfaces, "openconfig_interfaces"),
    "openconfig-network-instance:network-instances": (network_instance, "openconfig_network_instance"),
}


def read(document):
    found = {}
    for top, content in document.items():
        model, name = MODELS[top]
        loaded = pybindJSON.loads_ietf(json.dumps({top: content}), model, name)
        found.update(json.loads(pybindJSON.dumps(loaded, mode="ietf", filter=True)))
    for instance in found["openconfig-network-instance:network-instances"]["network-instance"]:
        # The bindings write what refers to a number as text; RFC 7951 has it as what it refers to (section 6.9).
        for vlan in instance["vlans"]["vlan"]:
            vlan["vlan-id"] = int(vlan["vlan-id"])
    return found


for line in sys.stdin:
    try:
        print(json.dumps({"read": read(json.loads(line))}))
    except (AttributeError, KeyError, ValueError) as error:
        print(json.dumps({"refused": f"{type(error).__name__}: {error}"}))
