//! Sentences for synthetic records, in the register of the people who would write them.

/// A person-centred tool: its form, its lists, and what stands outside of them.
#[derive(Clone, Copy)]
pub(super) struct Tool {
    pub(super) form: &'static str,
    pub(super) parts: &'static [Part],
    pub(super) alone: &'static [(&'static str, &'static [&'static str])],
    pub(super) review: Option<&'static str>,
}

/// One list of a tool: its rows hold texts and codes, and whose words they are.
pub(super) struct Part {
    pub(super) repeat: &'static str,
    pub(super) whose: &'static str,
    pub(super) texts: &'static [(&'static str, &'static [&'static str])],
    pub(super) codes: &'static [(&'static str, &'static [&'static str])],
}

const fn part(
    repeat: &'static str,
    whose: &'static str,
    texts: &'static [(&'static str, &'static [&'static str])],
    codes: &'static [(&'static str, &'static [&'static str])],
) -> Part {
    Part { repeat, whose, texts, codes }
}

const fn tool(form: &'static str, parts: &'static [Part]) -> Tool {
    Tool { form, parts, alone: &[], review: None }
}

const LIKED: &[&str] =
    &["Funny and kind", "Never gives up", "Great with animals", "Knows everything about trains"];
const MATTERS: &[&str] = &[
    "Sitting near the door",
    "My dog",
    "Knowing what comes next",
    "Being with my cousins",
    "Quiet at lunch",
];
const SUPPORT: &[&str] =
    &["Tell me before things change", "Give me time to answer", "Write it down for me", "Ask, do not guess"];
const WORKING: &[&str] =
    &["Mornings with the same adult", "Speech therapy every Tuesday", "The walk to school", "Using pictures"];
const NOT_WORKING: &[&str] = &[
    "The dining hall is too loud",
    "Different taxi drivers",
    "Homework takes all evening",
    "Nobody reads the plan",
];
const FOR_HEALTH: &[&str] =
    &["Takes medicine on time", "Somebody near roads", "Enough sleep", "Regular meals"];
const BALANCE: &[&str] =
    &["Can go out alone to the shop, and texts when there", "Chooses the food, and somebody sits with them"];
const DREAMS: &[&str] =
    &["To work with animals", "To have my own flat", "To be in a band", "To go to college with my friend"];
const GOALS: &[&str] =
    &["One day a week at the farm", "Takes the bus alone", "Two lessons in the mainstream class"];
const NOW: &[&str] =
    &["At home most days", "Goes to school until lunch", "Does not see friends out of school"];
const WHO: &[&str] = &["Nan", "The SENCO", "My uncle", "The youth club"];
const STRENGTHS: &[&str] = &["Good memory", "Makes people laugh", "Careful with small children"];
const STEPS: &[&str] =
    &["Visit the college", "Ask for a travel trainer", "Meet the new teacher before the holidays"];
const HURDLES: &[&str] = &["Waiting for the council", "Nerves", "Money for the bus"];
const INITIALS: &[&str] = &["Mum", "Dad", "Nan", "K.", "Mrs T.", "J.", "The taxi driver"];
const GOOD: &[&str] = &["Wakes up by himself", "Gets a turn at the computer", "Swimming", "Reads in bed"];
const BAD: &[&str] =
    &["A new person without warning", "Too many people", "Told off for fidgeting", "Cannot sleep"];
const HELPS: &[&str] = &["A picture of the day", "A quiet place to go", "Five more minutes"];
const DO: &[&str] = &["Puts hands over ears", "Walks to the door", "Taps the table", "Goes very quiet"];
const MEANS: &[&str] = &["It is too loud", "I want to go", "I am excited", "I do not understand"];
const SHOULD: &[&str] =
    &["Offer the headphones", "Ask yes or no", "Wait and smile", "Say it again in fewer words"];
const TELL: &[&str] = &["That we are going out", "That it is time to stop", "That somebody is coming"];
const BY: &[&str] = &["Show the card", "Sign it", "Count down from five", "Everybody uses the same words"];
const WHERE: &[&str] = &["At school", "At home in the evening", "In shops", "On the bus"];
const LEARNED: &[&str] =
    &["Small groups work", "Texts are read, letters are not", "He likes to be asked first"];
const PLEASED: &[&str] = &["The meeting was calm", "School sent the report early", "She spoke for herself"];
const WORRIED: &[&str] = &["The move to secondary", "Nothing in writing about therapy", "Mum is very tired"];
const INFORMATION: &[&str] = &["Short texts", "Pictures and few words", "Somebody tells me, then I read it"];
const CHOICES: &[&str] = &["Two at a time", "Go and see both", "Write good and bad things in a list"];
const WHEN_GOOD: &[&str] = &["Morning", "After swimming", "At home"];
const WHEN_BAD: &[&str] = &["When I am hungry", "In front of other people", "On Mondays"];
const STOP: &[&str] = &["Talking about me as if I were not there", "Changing the date at the last minute"];
const WORK_ON: &[&str] = &["Reports in time for the meeting", "Lunch times", "Homework"];
const MORE_OF: &[&str] = &["Time outside", "Asking me", "Cooking"];
const PERSPECTIVES: &[&str] = &["CHILD", "FAMILY", "SCHOOL"];
const DAY: &[&str] = &["MORNING", "DAY", "EVENING", "NIGHT"];

/// All ten (domain.md 4.5).
pub(super) const TOOLS: &[Tool] = &[
    tool(
        "one_page_profile",
        &[
            part("like_admire", "like_admire_whose", &[("like_admire_text", LIKED)], &[]),
            part("important_to", "important_to_whose", &[("important_to_text", MATTERS)], &[]),
            part(
                "how_best_to_support",
                "how_best_to_support_whose",
                &[("how_best_to_support_text", SUPPORT)],
                &[],
            ),
        ],
    ),
    tool(
        "working_not_working",
        &[
            part(
                "working",
                "working_whose",
                &[("working_text", WORKING)],
                &[("working_perspective", PERSPECTIVES)],
            ),
            part(
                "not_working",
                "not_working_whose",
                &[("not_working_text", NOT_WORKING)],
                &[("not_working_perspective", PERSPECTIVES)],
            ),
        ],
    ),
    Tool {
        form: "important_to_for",
        parts: &[
            part("important_to", "important_to_whose", &[("important_to_text", MATTERS)], &[]),
            part("important_for", "important_for_whose", &[("important_for_text", FOR_HEALTH)], &[]),
        ],
        alone: &[("balance_note", BALANCE), ("balance_whose", &["SUPPORTER_SUMMARY", "PARENT"])],
        review: None,
    },
    Tool {
        form: "hopes_dreams",
        parts: &[
            part("dream", "dream_whose", &[("dream_text", DREAMS)], &[]),
            part("goal", "goal_whose", &[("goal_text", GOALS)], &[]),
            part("now", "now_whose", &[("now_text", NOW)], &[]),
            part("who", "who_whose", &[("who_text", WHO)], &[]),
            part("strengths", "strengths_whose", &[("strengths_text", STRENGTHS)], &[]),
            part("steps", "steps_whose", &[("steps_text", STEPS)], &[]),
            part("first_step", "first_step_whose", &[("first_step_text", STEPS)], &[]),
            part("hurdles", "hurdles_whose", &[("hurdles_text", HURDLES)], &[]),
        ],
        alone: &[],
        review: Some("review_on"),
    },
    tool(
        "relationship_circle",
        &[part(
            "people",
            "people_whose",
            &[("person_name", INITIALS)],
            &[("ring", &["1", "2", "3", "4"]), ("wants_more", &["yes", "no"])],
        )],
    ),
    tool(
        "good_day_bad_day",
        &[
            part("good", "good_whose", &[("good_text", GOOD)], &[("good_part", DAY)]),
            part("bad", "bad_whose", &[("bad_text", BAD)], &[("bad_part", DAY)]),
            part("what_would_help", "what_would_help_whose", &[("what_would_help_text", HELPS)], &[]),
        ],
    ),
    tool(
        "communication_chart",
        &[
            part(
                "their_signs",
                "their_signs_whose",
                &[
                    ("when_where", WHERE),
                    ("they_do", DO),
                    ("we_think_it_means", MEANS),
                    ("we_should", SHOULD),
                ],
                &[],
            ),
            part(
                "our_signs",
                "our_signs_whose",
                &[("we_want_to_tell", TELL), ("so_we", BY), ("we_help_by", BY)],
                &[],
            ),
        ],
    ),
    tool(
        "four_plus_one",
        &[
            part("tried", "tried_whose", &[("tried_text", STEPS)], &[]),
            part("learned", "learned_whose", &[("learned_text", LEARNED)], &[]),
            part("pleased_about", "pleased_about_whose", &[("pleased_about_text", PLEASED)], &[]),
            part("concerned_about", "concerned_about_whose", &[("concerned_about_text", WORRIED)], &[]),
            part("next", "next_whose", &[("next_text", STEPS)], &[]),
        ],
    ),
    tool(
        "decision_profile",
        &[
            part("like_info_as", "like_info_as_whose", &[("like_info_as_text", INFORMATION)], &[]),
            part("present_choices", "present_choices_whose", &[("present_choices_text", CHOICES)], &[]),
            part("good_time", "good_time_whose", &[("good_time_text", WHEN_GOOD)], &[]),
            part("bad_time", "bad_time_whose", &[("bad_time_text", WHEN_BAD)], &[]),
            part("who_helps", "who_helps_whose", &[("who_helps_text", WHO)], &[]),
        ],
    ),
    tool(
        "traffic_lights",
        &[
            part("stop", "stop_whose", &[("stop_text", STOP)], &[]),
            part("work_on", "work_on_whose", &[("work_on_text", WORK_ON)], &[]),
            part("more_of", "more_of_whose", &[("more_of_text", MORE_OF)], &[]),
        ],
    ),
];

pub(super) const SAID: &[&str] = &[
    "I want to stay with my friends.",
    "When it is loud I cannot think.",
    "Ask me. I know what I need.",
    "I like it when Miss explains it first.",
    "I want to go to college, not stay at home.",
    "I do not want a taxi. I want to walk.",
    "Nobody tells me what the meeting is for.",
];

pub(super) const PROMPTS: &[&str] = &[
    "What is a good day?",
    "Cards: going well, so-so, not going well",
    "What should people know about you?",
];

/// One moment of a family's journey.
pub(super) struct Moment {
    /// Where in the case it lies, in per cent of its length.
    pub(super) part: i64,
    pub(super) stage: &'static str,
    pub(super) touchpoint: &'static str,
    pub(super) feeling: i64,
    pub(super) turning: bool,
    pub(super) what: &'static str,
    pub(super) why: &'static str,
    pub(super) quote: &'static str,
}

pub(super) const JOURNEY: &[Moment] = &[
    Moment {
        part: 2,
        stage: "S00",
        touchpoint: "INTRO",
        feeling: -2,
        turning: false,
        what: "The letter about the change came and nobody could say what it meant.",
        why: "Nobody at the council answered the phone",
        quote: "I read it four times and still did not know what they wanted.",
    },
    Moment {
        part: 15,
        stage: "S10",
        touchpoint: "INFO_PROC",
        feeling: 0,
        turning: true,
        what: "First visit of the supporter. The rights and the dates were explained and written down.",
        why: "Somebody explained it in plain words",
        quote: "It was the first time I thought I could hold my own.",
    },
    Moment {
        part: 40,
        stage: "S20",
        touchpoint: "VIEWS_CYP",
        feeling: 1,
        turning: false,
        what: "Made a one-page profile together. It went into the plan in the child's own words.",
        why: "The child was asked first",
        quote: "They used my words.",
    },
    Moment {
        part: 65,
        stage: "S30",
        touchpoint: "DRAFT",
        feeling: -1,
        turning: false,
        what: "The draft came late and left out the therapy.",
        why: "Advice from health came too late",
        quote: "We were back where we started, or so it felt.",
    },
    Moment {
        part: 90,
        stage: "S40",
        touchpoint: "MTG",
        feeling: 2,
        turning: true,
        what: "Meeting with the council. The therapy was written into the plan with hours.",
        why: "Going into the meeting prepared, with the supporter beside us",
        quote: "Someone was on my side of the table.",
    },
];

pub(super) const STORY_TITLES: &[&str] =
    &["On my side of the table", "They used my words", "From a letter to a plan", "What we did not know"];

pub(super) const STORY: &str = "When the letter came, the family did not know what it asked of them. With a \
    supporter they learned what the council had to do and by when. Their child's own words are at the \
    beginning of the plan. It was not quick, and a draft had to be sent back, but the plan now says what \
    help there will be, and how much.";

pub(super) const STORY_EASY: &str = "A letter came. It was hard to read. A supporter helped. The child said what matters. The plan says it too.";

pub(super) const WORKED: &[&str] = &[
    "Always rang back. Knew the law and said it simply.",
    "Came with me to the meeting.",
    "Listened to my son, not only to me.",
    "Told me what could wait and what could not.",
];

pub(super) const BETTER: &[&str] = &[
    "Earlier. We found out about it by chance.",
    "Evenings would have been easier.",
    "Longer. It stopped too soon.",
    "Nothing",
];

pub(super) const NEXT_STEPS: &[&str] = &[
    "Family knows how to reach the Information, Advice and Support Service.",
    "Review in a year. Family has the dates in writing.",
    "School will send a copy of the plan to the therapist.",
];

pub(super) const QUESTIONS: &[&str] = &[
    "Could you check the day of this contact?",
    "Is this need confirmed by a report?",
    "Was the child there? The answers do not agree.",
    "Which letter is this date from?",
];

pub(super) const CONCERNS: &[&str] = &[
    "The child said that there is often nobody at home until late.",
    "Saw marks on the arm. Was told it was a fall.",
    "Parent said they are afraid of a former partner who has the address.",
];
