"""Pure: the page on which a person reads the status of a deletion request, in English and Khmer.

The page has no script and loads nothing, also not from third parties. It is one document that includes its style. The
Content-Security-Policy allows the style by its hash.
"""

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from typing import Final

from domain.purge import Deletion

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5a6675; --ground: #f5f6f8; --sheet: #fff; --line: #dfe3e8;
  --done: #176b3a; --busy: #8a5a00; --gone: #a3262a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --dim: #a2adba; --ground: #12161c; --sheet: #1b2129;
  --line: #313a45; --done: #6fd49a; --busy: #f0bd58; --gone: #ff9b98; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.6 system-ui, "Noto Sans", sans-serif; }
main { max-width: 42rem; margin: 0 auto; }
section { background: var(--sheet); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem;
  margin: 1rem 0; }
section:lang(km) { font-family: "Noto Sans Khmer", "Khmer OS Battambang", "Khmer Sangam MN", system-ui, sans-serif;
  line-height: 1.9; }
h1 { font-size: 1.35rem; line-height: 1.4; margin: 0 0 1rem; }
h2 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p, ul { margin: 0; } ul { padding-left: 1.25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--dim); } dd { margin: 0; }
code { font-size: .95em; }
.done { color: var(--done); } .busy { color: var(--busy); } .gone { color: var(--gone); } .state { font-weight: 600; }
@media (max-width: 26rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
"""

POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page of this module."""

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_KHMER_MONTHS: Final = (
    *("មករា", "កុម្ភៈ", "មីនា", "មេសា", "ឧសភា", "មិថុនា"),
    *("កក្កដា", "សីហា", "កញ្ញា", "តុលា", "វិច្ឆិកា", "ធ្នូ"),
)
_DIGITS: Final = str.maketrans("0123456789", "០១២៣៤៥៦៧៨៩")

_DONE: Final = ("Deleted", "បានលុបរួចរាល់")
_BUSY: Final = (
    "Being deleted: unreadable already, erased within minutes",
    "កំពុងលុប៖ មិនអាចអានបានទៀតទេ ហើយនឹងលុបចេញទាំងស្រុងក្នុងរយៈពេលប៉ុន្មាននាទី",
)

_ENGLISH: Final = """\
<section lang="en">
<h1>Deletion of your data</h1>
<dl>
<dt>Requested on</dt><dd><time datetime="{iso}">{english_time}</time></dd>
<dt>Confirmation code</dt><dd><code>{code}</code></dd>
<dt>State</dt><dd class="state {css}">{english_state}</dd>
</dl>
<h2>What was deleted</h2>
<p>Whatever was kept here because you connected your Facebook account:</p>
<ul>
<li>the connection with your Pages, and the keys with which Facebook let us in</li>
<li>the messages of those Pages that were still kept</li>
<li>the mark by which we recognised your account</li>
</ul>
<p>Nobody can read any of it from the moment of your request. If nothing of yours was kept, nothing was there to \
delete.</p>
<h2>What we never had</h2>
<p>Your password, your friends and your e-mail address. Posts, videos and comments were shown when they were \
asked for, and not kept.</p>
<h2>What is left</h2>
<p>The time and the state of this request, under the code above, so that you can look it up for 90 days. They do \
not say whose request it was.</p>
<h2>Questions?</h2>
<p>Ask the service with which you connected your Page, and tell them the code.</p>
</section>
"""

_KHMER: Final = """\
<section lang="km">
<h1>ការលុបទិន្នន័យរបស់អ្នក</h1>
<dl>
<dt>បានស្នើសុំនៅ</dt><dd><time datetime="{iso}">{khmer_time}</time></dd>
<dt>លេខកូដបញ្ជាក់</dt><dd><code>{code}</code></dd>
<dt>ស្ថានភាព</dt><dd class="state {css}">{khmer_state}</dd>
</dl>
<h2>អ្វីដែលត្រូវបានលុប</h2>
<p>អ្វីៗទាំងអស់ដែលបានរក្សាទុកនៅទីនេះ ដោយសារអ្នកបានភ្ជាប់គណនី Facebook របស់អ្នក៖</p>
<ul>
<li>ការភ្ជាប់ជាមួយផេករបស់អ្នក និងសោដែល Facebook បានផ្តល់ឱ្យយើងសម្រាប់ចូលប្រើ</li>
<li>សារនៃផេកទាំងនោះ ដែលនៅរក្សាទុក</li>
<li>សញ្ញាសម្គាល់ដែលយើងប្រើដើម្បីស្គាល់គណនីរបស់អ្នក</li>
</ul>
<p>ចាប់ពីពេលដែលអ្នកស្នើសុំ គ្មាននរណាអាចអានទិន្នន័យទាំងនេះបានទេ។ ប្រសិនបើគ្មានអ្វីរបស់អ្នកត្រូវបានរក្សាទុក នោះក៏គ្មានអ្វីត្រូវលុបដែរ។</p>
<h2>អ្វីដែលយើងមិនដែលមាន</h2>
<p>ពាក្យសម្ងាត់ បញ្ជីមិត្តភក្តិ និងអាសយដ្ឋានអ៊ីមែលរបស់អ្នក។ ការបង្ហោះ វីដេអូ និងមតិយោបល់ ត្រូវបានបង្ហាញតែនៅពេលមានគេស្នើសុំ \
ហើយមិនត្រូវបានរក្សាទុកទេ។</p>
<h2>អ្វីដែលនៅសល់</h2>
<p>ពេលវេលា និងស្ថានភាពនៃសំណើនេះ ក្រោមលេខកូដខាងលើ ដើម្បីឱ្យអ្នកអាចពិនិត្យមើលបានក្នុងរយៈពេល ៩០ ថ្ងៃ។ វាមិនបង្ហាញថាជាសំណើរបស់នរណាទេ។</p>
<h2>មានសំណួរ?</h2>
<p>សូមសួរសេវាកម្មដែលអ្នកបានភ្ជាប់ផេករបស់អ្នក ហើយប្រាប់លេខកូដនេះ។</p>
</section>
"""

_UNKNOWN: Final = """\
<section lang="en">
<h1>There is no such request</h1>
<p class="state gone">This address leads to no deletion request that we know.</p>
<p>Is it complete? Look at it again in the message or page where you found it. Requests can be looked up for 90 \
days; what was deleted stays deleted.</p>
</section>
<section lang="km">
<h1>រកមិនឃើញសំណើនេះទេ</h1>
<p class="state gone">អាសយដ្ឋាននេះមិនមែនជារបស់សំណើលុបណាមួយដែលយើងស្គាល់ទេ។</p>
<p>តើវាពេញលេញហើយឬនៅ? សូមពិនិត្យវាម្តងទៀតនៅកន្លែងដែលអ្នកបានឃើញវា។ \
សំណើអាចពិនិត្យមើលបានក្នុងរយៈពេល ៩០ ថ្ងៃ ហើយអ្វីដែលបានលុប នៅតែត្រូវបានលុប។</p>
</section>
"""

_LATER: Final = """\
<section lang="en">
<h1>Please try again in a minute</h1>
<p class="state busy">We cannot look up your request right now. Nothing is wrong with it.</p>
</section>
<section lang="km">
<h1>សូមព្យាយាមម្តងទៀតក្នុងរយៈពេលមួយនាទី</h1>
<p class="state busy">ពេលនេះយើងមិនអាចពិនិត្យមើលសំណើរបស់អ្នកបានទេ។ សំណើរបស់អ្នកមិនមានបញ្ហាអ្វីឡើយ។</p>
</section>
"""

_WHOLE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{sections}</main>
</body>
</html>
"""


def status_page(code: str, deletion: Deletion) -> str:
    """Returns the page of a request. The page shows the time and status of the request, the deleted data, the data that
    the service never had, the remaining data, and a contact.
    """
    at = datetime.fromtimestamp(deletion.requested_at // 1000, UTC)
    clock = f"{at:%H:%M}"
    khmer_time = f"ថ្ងៃទី{at.day} ខែ{_KHMER_MONTHS[at.month - 1]} ឆ្នាំ{at.year} ម៉ោង {clock} (UTC)"
    english_state, khmer_state = _DONE if deletion.complete else _BUSY
    words = {
        "code": escape(code),
        "css": "done" if deletion.complete else "busy",
        "iso": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "english_time": f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {clock} UTC",
        "khmer_time": khmer_time.translate(_DIGITS),
        "english_state": english_state,
        "khmer_state": khmer_state,
    }
    return _page("Deletion of your data · ការលុបទិន្នន័យ", (_ENGLISH + _KHMER).format(**words))


def unknown_page() -> str:
    """Returns the page for an invalid code, or for a request that has expired."""
    return _page("No such request · រកមិនឃើញសំណើ", _UNKNOWN)


def later_page() -> str:
    """Returns the page for a time when the store is unavailable."""
    return _page("Please try again · សូមព្យាយាមម្តងទៀត", _LATER)


def _page(title: str, sections: str) -> str:
    return _WHOLE.format(title=title, style=_STYLE, sections=sections)
