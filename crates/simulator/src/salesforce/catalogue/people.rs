//! Accounts, contacts, leads and users.

pub(super) const OBJECTS: &[&str] = &[ACCOUNT, CONTACT, LEAD, USER, GROUP, ORGANIZATION, RECORD_TYPE, SUBSCRIPTION];

const ACCOUNT: &str = "Account 001 Accounts
MasterRecordId ref(Account) ro
Name text(255) req label(Account Name) track
Type pick(Prospect|Customer - Direct|Customer - Channel|Channel Partner / Reseller|Installation Partner|Technology Partner|Other) track
RecordTypeId ref(RecordType)
ParentId ref(Account) track
BillingStreet area(255) in(BillingAddress)
BillingCity text(40) in(BillingAddress)
BillingState text(80) in(BillingAddress)
BillingPostalCode text(20) in(BillingAddress)
BillingCountry text(80) in(BillingAddress)
BillingLatitude num(18,15) in(BillingAddress)
BillingLongitude num(18,15) in(BillingAddress)
BillingGeocodeAccuracy pick(Address|City|Zip) in(BillingAddress)
BillingAddress address
ShippingStreet area(255) in(ShippingAddress)
ShippingCity text(40) in(ShippingAddress)
ShippingState text(80) in(ShippingAddress)
ShippingPostalCode text(20) in(ShippingAddress)
ShippingCountry text(80) in(ShippingAddress)
ShippingLatitude num(18,15) in(ShippingAddress)
ShippingLongitude num(18,15) in(ShippingAddress)
ShippingGeocodeAccuracy pick(Address|City|Zip) in(ShippingAddress)
ShippingAddress address
Phone phone track
Fax phone
AccountNumber text(40)
Website url(255) track
PhotoUrl url(255) ro
Sic text(20)
Industry pick(Agriculture|Apparel|Banking|Biotechnology|Chemicals|Construction|Consulting|Education|Electronics|Energy|Finance|Food & Beverage|Healthcare|Hospitality|Manufacturing|Media|Retail|Technology|Transportation|Utilities|Other) track
AnnualRevenue money(18,0) track
NumberOfEmployees int(8) label(Employees) track
Ownership pick(Public|Private|Subsidiary|Other)
TickerSymbol text(20)
Description area(32000) track
Rating pick(Hot|Warm|Cold)
Site text(80)
OwnerId ref(User) track
LastActivityDate date ro
LastViewedDate stamp ro
LastReferencedDate stamp ro
Jigsaw text(20)
JigsawCompanyId text(20) ro
CleanStatus pick(Matched|Different|Acknowledged|NotFound|Inactive|Pending|SelectMatch|Skipped)
AccountSource pick(Web|Phone Inquiry|Partner Referral|Purchased List|Other)
DunsNumber text(9)
Tradestyle text(255)
NaicsCode text(8)
NaicsDesc text(120)
YearStarted text(4)
SicDesc text(80)
Customer_Tier__c pick(Gold|Silver|Bronze) track
Renewal_Date__c date track
Open_Amount__c money(18,2) calc
Size_Band__c text(1300) calc";

const CONTACT: &str = "Contact 003 Contacts
MasterRecordId ref(Contact) ro
AccountId ref(Account) track
LastName text(80) req in(Name)
FirstName text(40) in(Name)
Salutation pick(Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.) in(Name)
MiddleName text(40) in(Name)
Suffix text(40) in(Name)
Name text(121) ro req label(Full Name)
RecordTypeId ref(RecordType)
OtherStreet area(255) in(OtherAddress)
OtherCity text(40) in(OtherAddress)
OtherState text(80) in(OtherAddress)
OtherPostalCode text(20) in(OtherAddress)
OtherCountry text(80) in(OtherAddress)
OtherLatitude num(18,15) in(OtherAddress)
OtherLongitude num(18,15) in(OtherAddress)
OtherGeocodeAccuracy pick(Address|City|Zip) in(OtherAddress)
OtherAddress address
MailingStreet area(255) in(MailingAddress)
MailingCity text(40) in(MailingAddress)
MailingState text(80) in(MailingAddress)
MailingPostalCode text(20) in(MailingAddress)
MailingCountry text(80) in(MailingAddress)
MailingLatitude num(18,15) in(MailingAddress)
MailingLongitude num(18,15) in(MailingAddress)
MailingGeocodeAccuracy pick(Address|City|Zip) in(MailingAddress)
MailingAddress address
Phone phone label(Business Phone) track
Fax phone
MobilePhone phone
HomePhone phone
OtherPhone phone
AssistantPhone phone
ReportsToId ref(Contact)
Email email track
Title text(128) track
Department text(80)
AssistantName text(40)
LeadSource pick(Web|Phone Inquiry|Partner Referral|Purchased List|Other)
Birthdate date
Description area(32000) track
OwnerId ref(User) track
HasOptedOutOfEmail check label(Email Opt Out) track
HasOptedOutOfFax check label(Fax Opt Out)
DoNotCall check
LastActivityDate date ro
LastCURequestDate stamp ro
LastCUUpdateDate stamp ro
LastViewedDate stamp ro
LastReferencedDate stamp ro
EmailBouncedReason text(255)
EmailBouncedDate stamp track
IsEmailBounced check ro
PhotoUrl url(255) ro
Jigsaw text(20)
JigsawContactId text(20) ro
CleanStatus pick(Matched|Different|Acknowledged|NotFound|Inactive|Pending|SelectMatch|Skipped)
IndividualId ref(Individual)
Preferred_Language__c pick(en|de|fr|es|ja) track
Interests__c multi(Data|Cloud|Security|Training) track
Score__c num(5,2) track
Account_Industry__c text(1300) calc";

const LEAD: &str = "Lead 00Q Leads
MasterRecordId ref(Lead) ro
LastName text(80) req in(Name)
FirstName text(40) in(Name)
Salutation pick(Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.) in(Name)
MiddleName text(40) in(Name)
Suffix text(40) in(Name)
Name text(121) ro req label(Full Name)
RecordTypeId ref(RecordType)
Title text(128)
Company text(255) req track
Street area(255) in(Address)
City text(40) in(Address)
State text(80) in(Address)
PostalCode text(20) in(Address)
Country text(80) in(Address)
Latitude num(18,15) in(Address)
Longitude num(18,15) in(Address)
GeocodeAccuracy pick(Address|City|Zip) in(Address)
Address address
Phone phone
MobilePhone phone
Fax phone
Email email track
Website url(255)
PhotoUrl url(255) ro
Description area(32000)
LeadSource pick(Web|Phone Inquiry|Partner Referral|Purchased List|Other)
Status pick(Open - Not Contacted|Working - Contacted|Closed - Converted|Closed - Not Converted) req track
Industry pick(Agriculture|Banking|Consulting|Education|Energy|Finance|Healthcare|Manufacturing|Retail|Technology|Other)
Rating pick(Hot|Warm|Cold) track
AnnualRevenue money(18,0) track
NumberOfEmployees int(8)
OwnerId ref(Group|User) track
HasOptedOutOfEmail check label(Email Opt Out) track
HasOptedOutOfFax check label(Fax Opt Out)
DoNotCall check
IsConverted check ro
ConvertedDate date ro
ConvertedAccountId ref(Account) ro
ConvertedContactId ref(Contact) ro
ConvertedOpportunityId ref(Opportunity) ro
IsUnreadByOwner check
LastActivityDate date ro
LastViewedDate stamp ro
LastReferencedDate stamp ro
Jigsaw text(20)
JigsawContactId text(20) ro
CleanStatus pick(Matched|Different|Acknowledged|NotFound|Inactive|Pending|SelectMatch|Skipped)
CompanyDunsNumber text(9)
EmailBouncedReason text(255)
EmailBouncedDate stamp
IndividualId ref(Individual)
Product_Interest__c pick(Platform|Services|Training) track";

const USER: &str = "User 005 Users nobin
Username text(80) req
LastName text(80) req in(Name)
FirstName text(40) in(Name)
Name text(121) ro req label(Full Name)
CompanyName text(80)
Division text(80)
Department text(80)
Title text(80)
Street area(255) in(Address)
City text(40) in(Address)
State text(80) in(Address)
PostalCode text(20) in(Address)
Country text(80) in(Address)
Latitude num(18,15) in(Address)
Longitude num(18,15) in(Address)
GeocodeAccuracy pick(Address|City|Zip) in(Address)
Address address
Email email req
Phone phone
Fax phone
MobilePhone phone
Alias text(8) req
CommunityNickname text(40) req
IsActive check
TimeZoneSidKey pick(Europe/London|Europe/Berlin|America/New_York|Asia/Tokyo) req
LocaleSidKey pick(en_GB|en_US|de_DE|ja_JP) req
LanguageLocaleKey pick(en_US|de|ja) req
EmailEncodingKey pick(UTF-8|ISO-8859-1) req
UserType pick(Standard|PowerPartner|CspLitePortal|AutomatedProcess) ro
EmployeeNumber text(20)
ManagerId ref(User)
LastLoginDate stamp ro
FederationIdentifier text(512)
AboutMe area(1000)
IndividualId ref(Individual)";

const GROUP: &str = "Group 00G Groups nobin
Name text(40) req
DeveloperName text(80)
Type pick(Regular|Queue|Organization) req
Email email
OwnerId ref(User|Organization)";

const ORGANIZATION: &str = "Organization 00D Organizations nobin noreplication
Name text(80) req
Country text(80)
DefaultLocaleSidKey pick(en_GB|en_US)
LanguageLocaleKey pick(en_US|de)
OrganizationType pick(Developer Edition|Enterprise Edition|Unlimited Edition) ro
InstanceName text(5) ro
IsSandbox check ro
TimeZoneSidKey pick(Europe/London|America/New_York)";

const RECORD_TYPE: &str = "RecordType 012 RecordTypes nobin
Name text(80) req
DeveloperName text(80) req
NamespacePrefix text(15)
Description text(255)
SobjectType pick(Account|Contact|Lead|Opportunity) req
IsActive check
IsPersonType check";

const SUBSCRIPTION: &str = "Subscription__c a01 Subscriptions
OwnerId ref(Group|User)
Name text(80) label(Subscription Number)
Account__c ref(Account) req
Contact__c ref(Contact)
Plan__c pick(Basic|Team|Enterprise)
Seats__c num(6,0)
Monthly_Price__c money(16,2)
Discount__c pct(5,2)
Started_On__c date
Renews_At__c stamp
Auto_Renew__c check
Notes__c area(32768)
Contact_Email__c email
Annual_Value__c money(18,2) calc";
