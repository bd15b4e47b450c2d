//! Opportunities and what belongs to them, campaigns and their members.

use super::histories::OPPORTUNITY_FIELD_HISTORY;

pub(super) const OBJECTS: &[&str] = &[OPPORTUNITY, ROLE, HISTORY, OPPORTUNITY_FIELD_HISTORY, STAGE, CAMPAIGN, MEMBER];

const OPPORTUNITY: &str = "Opportunity 006 Opportunities
AccountId ref(Account)
RecordTypeId ref(RecordType)
IsPrivate check track
Name text(120) req
Description area(32000) track
StageName pick(Prospecting|Qualification|Needs Analysis|Value Proposition|Id. Decision Makers|Perception Analysis|Proposal/Price Quote|Negotiation/Review|Closed Won|Closed Lost) req track
Amount money(18,2) track
Probability pct(3,0)
ExpectedRevenue money(18,2) ro
TotalOpportunityQuantity num(18,2)
CloseDate date req track
Type pick(New Customer|Existing Customer - Upgrade|Existing Customer - Replacement|Existing Customer - Downgrade)
NextStep text(255) track
LeadSource pick(Web|Phone Inquiry|Partner Referral|Purchased List|Other) track
IsClosed check ro
IsWon check ro
ForecastCategory pick(Omitted|Pipeline|BestCase|MostLikely|Forecast|Closed) ro req
ForecastCategoryName pick(Omitted|Pipeline|Best Case|Most Likely|Commit|Closed)
CampaignId ref(Campaign) track
HasOpportunityLineItem check ro
OwnerId ref(User) track
LastActivityDate date ro
PushCount int(9) ro
LastStageChangeDate stamp ro
FiscalQuarter int(9) ro
FiscalYear int(9) ro
Fiscal text(6) ro
ContactId ref(Contact)
LastViewedDate stamp ro
LastReferencedDate stamp ro
HasOpenActivity check ro
HasOverdueTask check ro
LastAmountChangedHistoryId ref(OpportunityHistory) ro
LastCloseDateChangedHistoryId ref(OpportunityHistory) ro
Loss_Reason__c pick(Price|Competitor|No Budget|No Decision) track
Competitor__c text(100)
Deal_Score__c num(4,1) track";

const ROLE: &str = "OpportunityContactRole 00K OpportunityContactRoles
OpportunityId ref(Opportunity) req
ContactId ref(Contact) req
Role pick(Business User|Decision Maker|Economic Buyer|Economic Decision Maker|Evaluator|Executive Sponsor|Influencer|Technical Buyer|Other)
IsPrimary check";

const HISTORY: &str = "OpportunityHistory 008 OpportunityHistories unchanging of(Opportunity)
OpportunityId ref(Opportunity) ro req
StageName pick(Prospecting|Qualification|Needs Analysis|Value Proposition|Id. Decision Makers|Perception Analysis|Proposal/Price Quote|Negotiation/Review|Closed Won|Closed Lost) ro
Amount money(18,2) ro
ExpectedRevenue money(18,2) ro
CloseDate date ro
Probability pct(3,0) ro
ForecastCategory pick(Omitted|Pipeline|BestCase|MostLikely|Forecast|Closed) ro
PrevAmount money(18,2) ro
PrevCloseDate date ro
PrevForecastUpdate pick(Omitted|Pipeline|BestCase|Forecast|Closed) ro";

const STAGE: &str = "OpportunityStage 01J OpportunityStages nobin nobulk noreplication
MasterLabel text(255) ro
ApiName text(255) ro
IsActive check ro
SortOrder int(9) ro
IsClosed check ro
IsWon check ro
ForecastCategory pick(Omitted|Pipeline|BestCase|Forecast|Closed) ro
ForecastCategoryName pick(Omitted|Pipeline|Best Case|Commit|Closed) ro
DefaultProbability pct(3,0) ro
Description text(255) ro";

const CAMPAIGN: &str = "Campaign 701 Campaigns
Name text(80) req
ParentId ref(Campaign)
Type pick(Advertisement|Banner Ads|Conference|Direct Mail|Email|Partners|Public Relations|Referral Program|Telemarketing|Trade Show|Webinar|Other)
RecordTypeId ref(RecordType)
Status pick(Planned|In Progress|Completed|Aborted)
StartDate date
EndDate date
ExpectedRevenue money(18,0)
BudgetedCost money(18,0)
ActualCost money(18,0)
ExpectedResponse pct(10,2)
NumberSent num(18,0)
IsActive check
Description area(32000)
NumberOfLeads int(9) calc
NumberOfConvertedLeads int(9) calc
NumberOfContacts int(9) calc
NumberOfResponses int(9) calc
NumberOfOpportunities int(9) calc
NumberOfWonOpportunities int(9) calc
AmountAllOpportunities money(18,2) calc
AmountWonOpportunities money(18,2) calc
OwnerId ref(User)
LastActivityDate date ro
LastViewedDate stamp ro
LastReferencedDate stamp ro
CampaignMemberRecordTypeId ref(RecordType)";

const MEMBER: &str = "CampaignMember 00v CampaignMembers
CampaignId ref(Campaign) req
LeadId ref(Lead)
ContactId ref(Contact)
AccountId ref(Account)
Status pick(Sent|Responded|Registered|Attended|No Show)
HasResponded check ro
FirstRespondedDate date ro
Salutation pick(Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.) ro
Name text(255) ro
FirstName text(40) ro
LastName text(80) ro
Title text(128) ro
Street area(255) ro
City text(40) ro
State text(80) ro
PostalCode text(20) ro
Country text(80) ro
Email email ro
Phone phone ro
Fax phone ro
MobilePhone phone ro
Description area(32000) ro
DoNotCall check ro
HasOptedOutOfEmail check ro
HasOptedOutOfFax check ro
LeadSource pick(Web|Phone Inquiry|Partner Referral|Purchased List|Other) ro
CompanyOrAccount text(255) ro
Type pick(Contact|Lead) ro
LeadOrContactId ref(Contact|Lead) ro
LeadOrContactOwnerId ref(User) ro";
