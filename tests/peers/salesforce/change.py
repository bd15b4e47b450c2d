#!/usr/bin/env python3
"""What happens in the organisation between two runs, over Salesforce's own APIs: change.py < request.json (base_url and access_token).

Records are made, changed and deleted by REST; merged, restored, converted and removed for good by SOAP, as Salesforce has it.
"""

import json
import sys
import urllib.parse
import urllib.request

DATA = "/services/data/v62.0"
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com">
<soapenv:Header><SessionHeader><sessionId>{}</sessionId></SessionHeader></soapenv:Header><soapenv:Body>{}</soapenv:Body></soapenv:Envelope>"""


class Organisation:
    def __init__(self, request):
        self.base_url, self.token = request["base_url"], request["access_token"]
        # Whatever proxy the machine has, the simulator is on it.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def send(self, method, path, data, headers):
        request = urllib.request.Request(self.base_url + path, data=data, method=method)
        for name, value in headers.items():
            request.add_header(name, value)
        with self.opener.open(request) as response:
            return response.read().decode()

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        text = self.send(method, DATA + path, data, headers)
        return json.loads(text) if text else None

    def soap(self, body):
        data = ENVELOPE.format(self.token, body).encode()
        text = self.send("POST", "/services/Soap/u/62.0", data, {"SOAPAction": '""', "Content-Type": "text/xml; charset=UTF-8"})
        if "<success>false</success>" in text:
            raise RuntimeError(text)

    def ids(self, kind, where="IsDeleted = false"):
        query = urllib.parse.quote(f"SELECT Id FROM {kind} WHERE {where} ORDER BY Id LIMIT 50")
        return [row["Id"] for row in self.call("GET", f"/queryAll?q={query}")["records"]]

    def create(self, kind, **fields):
        return self.call("POST", f"/sobjects/{kind}", fields)["id"]

    def update(self, kind, record, **fields):
        self.call("PATCH", f"/sobjects/{kind}/{record}", fields)

    def delete(self, kind, record):
        self.call("DELETE", f"/sobjects/{kind}/{record}")

    def merge(self, kind, winner, loser):
        record = f"<type>{kind}</type><Id>{winner}</Id>"
        self.soap(f"<merge><request><masterRecord>{record}</masterRecord><recordToMergeIds>{loser}</recordToMergeIds></request></merge>")


def change(org):
    kinds = ("Account", "Campaign", "Contact", "Individual", "Opportunity", "Subscription__c", "Task")
    accounts, campaigns, contacts, individuals, opportunities, subscriptions, tasks = (org.ids(kind) for kind in kinds)
    leads = org.ids("Lead", "IsDeleted = false AND IsConverted = false")
    binned = org.ids("Contact", "IsDeleted = true AND MasterRecordId = null")
    # Values set, changed and cleared, of every type.
    org.update("Contact", contacts[0], Email="new.address@example.com", MailingCity=None, HasOptedOutOfEmail=True, Score__c=12.5)
    org.update("Contact", contacts[1], FirstName="Łukasz 🎈", Score__c=None, Birthdate="1984-02-29", Phone=" +49 30 901820 ")
    org.update("Contact", contacts[2], Description='"quoted", and\nin two lines', Interests__c="Cloud;Training", Birthdate=None)
    org.update("Opportunity", opportunities[0], Amount=0.1, StageName="Closed Won", CloseDate="2026-12-31")
    org.update("Subscription__c", subscriptions[0], Renews_At__c="2027-01-01T23:59:59.000Z", Seats__c=7, Auto_Renew__c=True, Discount__c=None)
    org.update("Individual", individuals[0], HasOptedOutTracking=True)
    # Two formulas and a roll-up of other records have new results, and no time of these moves.
    org.update("Account", accounts[0], Industry="Banking", NumberOfEmployees=100_000)
    # Records come.
    born = org.create("Contact", LastName="O'Neil", Email="born.later@example.org", AccountId=accounts[0])
    org.create("Lead", LastName="Ünal", Company="Signed & Söhne", Status="Open - Not Contacted")
    org.create("Task", Subject="Call back", WhoId=born, ActivityDate="2026-11-30", Status="Not Started", Priority="Normal")
    org.create("CampaignMember", CampaignId=campaigns[0], ContactId=born, Status="Sent")
    org.soap(f"<convertLead><leadConverts><leadId>{leads[0]}</leadId><opportunityName>Signed between two runs</opportunityName></leadConverts></convertLead>")
    # Records go: into the recycle bin, into another record, for good. One comes back.
    org.delete("Contact", contacts[3])
    org.delete("Task", tasks[0])
    org.delete("Subscription__c", subscriptions[1])
    org.merge("Contact", contacts[4], contacts[5])
    org.merge("Account", accounts[1], accounts[2])
    org.delete("Contact", contacts[6])
    org.soap(f"<emptyRecycleBin><ids>{contacts[6]}</ids></emptyRecycleBin>")
    org.soap(f"<undelete><ids>{binned[0]}</ids></undelete>")


if __name__ == "__main__":
    change(Organisation(json.load(sys.stdin)))
