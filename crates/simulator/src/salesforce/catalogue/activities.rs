//! Tasks and events.

pub(super) const OBJECTS: &[&str] = &[TASK, EVENT];

const TASK: &str = "Task 00T Tasks
WhoId ref(Contact|Lead) label(Name ID)
WhatId ref(Account|Opportunity|Campaign) label(Related To ID)
Subject text(255)
ActivityDate date label(Due Date Only)
Status pick(Not Started|In Progress|Completed|Waiting on someone else|Deferred) req
Priority pick(High|Normal|Low) req
IsHighPriority check ro
OwnerId ref(Group|User)
Description area(32000)
Type pick(Call|Meeting|Email|Other)
AccountId ref(Account) ro
IsClosed check ro
IsArchived check ro
CallDurationInSeconds int(8)
CallType pick(Internal|Inbound|Outbound)
CallDisposition text(255)
CallObject text(255)
ReminderDateTime stamp
IsReminderSet check
RecurrenceActivityId ref(Task) ro
IsRecurrence check
TaskSubtype pick(Task|Email|ListEmail|Cadence|Call|LinkedIn)
CompletedDateTime stamp ro
WhoCount int(9) ro
WhatCount int(9) ro";

const EVENT: &str = "Event 00U Events
WhoId ref(Contact|Lead) label(Name ID)
WhatId ref(Account|Opportunity|Campaign) label(Related To ID)
Subject text(255)
Location text(255)
IsAllDayEvent check
ActivityDateTime stamp
ActivityDate date
DurationInMinutes int(8)
StartDateTime stamp
EndDateTime stamp
EndDate date
Description area(32000)
AccountId ref(Account) ro
OwnerId ref(User)
Type pick(Call|Meeting|Email|Other)
IsPrivate check
ShowAs pick(Busy|OutOfOffice|Free)
IsChild check ro
IsGroupEvent check ro
GroupEventType pick(0|1|2|3) ro
IsArchived check ro
RecurrenceActivityId ref(Event) ro
IsRecurrence check
ReminderDateTime stamp
IsReminderSet check
EventSubtype pick(Event)
WhoCount int(9) ro
WhatCount int(9) ro";
