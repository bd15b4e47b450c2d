"""What all of Salesforce's judges read, and where they find it."""

# The standard objects that have a stream in Aqueduct, and one of the organisation's own.
OBJECTS = (
    "Account", "Campaign", "CampaignMember", "Contact", "ContactPointConsent", "ContactPointTypeConsent", "Event", "Individual", "Lead",
    "Opportunity", "OpportunityContactRole", "OpportunityHistory", "OpportunityStage", "Subscription__c", "Task", "User",
)

# Read by queries alone: bulk jobs refuse it.
WITHOUT_JOBS = ("OpportunityStage",)


def hosts(request):
    """Salesforce's hosts, by the simulator that stands for them: for login, and for the organisation, whose address came with the token.

    Some libraries write `https://` before the host they were told.
    """
    simulator = request["base_url"]
    instance = "https://" + simulator.split("://", 1)[1]
    return {"https://login.salesforce.com": simulator, "https://test.salesforce.com": simulator, instance: simulator}
