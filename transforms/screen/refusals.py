"""Responses that decline to answer, and prompts that give no reason to.

Refusals are found by how they begin, in five languages; an answer that declines and then helps after all counts too.
Of 55 real hits that were read 51 decline. Answers that hedge ("I cannot predict the future. However, …") do not count. Those that decline further down, or
moralise without declining, are missed: `runbooks/flags.md` says how many.

A prompt shows no sign of harm when none of a long list of words stands in it: any of them may be a reason to decline, and most often
is none, so many refusals of harmless prompts are missed ("how do I kill a process"). Of 55 real hits on
ordinary prompts 53 are right; of 22 on prompts of red teams, which hint at harm in other words, 5.
"""

import re

BEGIN = 200
"""Characters of a response in which a refusal shows."""
_NOT_ABLE = r"(?:can(?:no|')t|can not|won'?t|will not|(?:am|'m) (?:not able|unable) to|(?:am|'m) not (?:comfortable|going to|willing to|allowed to|permitted to|programmed to))"
_ACT = (
    r"(?:help(?! but\b| feel| think| if\b)|assist|comply|fulfil+|provide|create|write|generate|produce|engage|support|"
    r"answer|respond|do (?:that|this)(?=[.,! ]|$)|participate|discuss|offer|complete|satisfy|continue|condone|encourage)"
)
_FOR_SURE = r" (?:you )?(?:with )?(?:an? |any |the )?(?:definitive|definite|certain|single|conclusive|personal opinion|subjective)\b"
"""What an answer hedges by, without declining."""
_BE = r"(?:have|hold|feel|experience|form|possess|think|hear|see|taste|smell|be|love|believe|remember|predict|(?:make|conduct) (?:a |any )?(?:subjective|personal)|capable of (?:feeling|experienc\w+))"
"""What a model says that it is no person by."""
_REFUSALS = re.compile(
    rf"\bI ?{_NOT_ABLE}(?: be able to)?(?: \w+ly)? {_ACT}\b(?!{_FOR_SURE})"
    rf"|\bas an? (?:AI|artificial intelligence|(?:large )?language model)[^.\n]{{0,60}}?\bI ?{_NOT_ABLE}(?!(?: \w+ly)? {_BE}\b| {_ACT}{_FOR_SURE})"
    rf"|^\W*(?:I'm|I am|we're) (?:very |really |so )?sorry,? but (?:as an? AI|I ?{_NOT_ABLE}|(?:this|that) goes against)"
    r"|\bI(?: am|'m) not (?:comfortable|willing) (?:with )?(?:to )?(?:help|writ|provid|creat|assist|impersonat|shar|generat|discuss|giv|do)\w*"
    r"|\bgoes against my (?:programming|guidelines|principles|ethic)"
    r"|^\W*(?:es )?tut mir leid[^.\n]{0,40}\bkann (?:ich )?[^.\n]{0,60}nicht"
    r"|^\W*(?:je suis )?désolée?[^.\n]{0,20}\bje ne (?:peux|suis) pas"
    r"|^\W*lo siento[^.\n]{0,20}\bno puedo"
    r"|^\W*(?:很?抱歉|对不起)[^。\n]{0,12}(?:无法|不能|没有办法)",
    re.IGNORECASE,
)

SIGN = (
    r"(?i)I[ \n]{0,2}(?:can(?:no|['’])t|can[ \n]+not|won['’]?t|will[ \n]+not|(?:am|['’]m)[ \n]+(?:not[ \n]+(?:able|comfortable|going|willing|allowed|permitted|programmed)|unable))"
    r"|sorry,?[ \n]+but[ \n]+(?:as[ \n]|this|that)|goes[ \n]+against|tut[ \n]+mir[ \n]+leid|d[ée]sol|lo[ \n]+siento|抱歉|对不起"
)
"""Stands in the beginning of every refusal (RE2)."""

_HARM = re.compile(
    r"\b(?:kill|murder|assassin|shoot|stab|strangl|behead|tortur|maim|hurt|harm|attack|assault|beat (?:up|him|her|them|my)|punch|"
    r"bomb|explosi|weapon|gun|rifle|ammo|knife|grenade|poison|toxic|arson|fire to|terror|massacre|genocide|nazi|hitler|war crime|"
    r"drug|meth|cocaine|heroin|crack\b|marijuana|cannabis|weed\b|opioid|fentanyl|alcohol|drunk|smok|vape|overdose|steroid|"
    r"hack|malware|virus|ransomware|phish|ddos|exploit|bypass|jailbreak|crack|keylog|spy|stalk|dox|password|credential|pirat|torrent|"
    r"steal|stole|theft|thief|rob\b|robbery|shoplift|burgl|fraud|scam|forge|fake|counterfeit|launder|brib|blackmail|extort|cheat|"
    r"illegal|unlawful|crime|criminal|jail|prison|police|smuggl|traffick|underage|minor\b|child|kid\b|kids\b|teen|"
    r"sex|porn|nude|naked|erotic|fetish|rape|molest|incest|pedo|slut|whore|prostitut|hooker|escort|virgin|penis|breast|boob|"
    r"racis|racial|sexis|hate|slur|nigg|bitch|fuck|shit|ass\b|asshole|cunt|bastard|retard|fag|homophob|gay|lesbian|trans|muslim|islam|"
    r"jew|black people|black men|white people|white men|immigrant|mexican|asian|inferior|superior|supremac|offensive|insult|"
    r"mean things|bully|bullying|harass|abus|threat|violen|revenge|prank|"
    r"suicid|kill myself|self.?harm|cut myself|anorexi|bulimi|lose weight|diagnos|prescri|medication|dosage|pills?\b|"
    r"race\b|gender|ethnic|religio|kidnap|abduct|sneak|trespass|without paying|ruin|destroy|damage|sabotag|vandal|sink\b|brick\b|tax(?:es)?\b|irs\b|seduc|flirt|butthole|dick|balls\b|kick|lick|tumor|surgery|genetic|extremis|radical|propaganda|filthy|stupid|idiot|dumb|intruder|break in|stole|pick (?:a|the|this) lock|lockpick|address|phone number|social security|ssn\b|credit card|bank account|personal information|private|home of|lives?\b|"
    r"unalive|bridge within|closest bridge|jump(?:ed)? off|cutting|cut deeper|gasoline|eating disorder|starv|ebola|outbreak|infect|pandemic|pathogen|taser|incapacitat|knock (?:\w+ )?out|"
    r"(?:get|getting|got|be|being) caught|without (?:\w+ ){1,3}(?:know|notic)|discreetly|secretly|hide (?:an?|the|my)\b|track(?:ing)? (?:\w+ )?(?:ex|phone|location|partner|wife|husband)|location even|put out|orgy|"
    r"get (?:\w+ )?to sleep with|identification number|logins?\b|intercept|system prompt|send me money|my ex\b|"
    r"conspirac|vaccin|election|politic|trump|biden|insider|evad(?:e|ing)|evasion|law enforcement|trick|manipulat|decei|lie to|lying|blame|dead|die\b|death|"
    r"töten|umbringen|waffe|bombe|drogen|gift|stehlen|hacken|betrug|illegal|hass|gewalt|selbstmord|"
    r"tuer|meurtre|arme|bombe|drogue|voler|pirater|fraude|haine|viol|suicide|"
    r"matar|asesin|arma|bomba|droga|robar|hackear|fraude|odio|violen|suicid)"
    r"|杀|炸弹|武器|毒|黑客|偷|诈骗|色情|自杀|暴力|违法|非法|仇恨",
    re.IGNORECASE,
)
"""Signs that a prompt may ask for harm: any of them will do, so that a prompt without is plainly harmless."""


def is_refusal(text: str) -> bool:
    """Whether a response begins as a refusal to answer."""
    beginning = text[:BEGIN].replace("\u2019", "'").replace("\n\n", " ")
    return _REFUSALS.search(beginning) is not None


def shows_no_harm(prompt: str) -> bool:
    """Whether nothing in a prompt, its earlier turns included, is a reason to decline."""
    return _HARM.search(prompt) is None
