"""Pure: the texts of customers and of a small Cambodian shop, in Khmer, English, or both. A conversation has four
turns: greeting and question, size and delivery, order with telephone and address, thanks. Telephone numbers are made
up: `000` follows the operator's prefix.
"""

import random
import re
from collections.abc import Callable

_ITEMS = ("អាវយឺត", "ខោជើងវែង", "រ៉ូប", "ស្បែកជើង", "កាបូប", "មួក", "នាឡិកា")
_ENGLISH_ITEMS = ("T-shirt", "dress", "pair of shoes", "handbag", "hat", "watch", "phone case")
_COLOURS = ("ខ្មៅ", "ស", "ក្រហម", "ខៀវ", "លឿង", "ផ្កាឈូក")
_PLACES = ("ភ្នំពេញ", "សៀមរាប", "បាត់ដំបង", "កំពង់ចាម", "តាកែវ", "កំពត", "ព្រះសីហនុ")
_SIZES = ("S", "M", "L", "XL", "38", "41")
NAMES = ("សុខា", "ដារ៉ា", "ចាន់ធី", "ស្រីនាង", "វណ្ណៈ", "Sokha", "Dara", "Bopha", "Rithy", "Sreymom")
_FAMILIES = ("សុខ", "ចាន់", "លី", "ហេង", "គឹម", "ម៉ៅ")
_ENGLISH_FAMILIES = ("Sok", "Chan", "Ly", "Heng", "Kim", "Mao")

_TO_KHMER_DIGITS = str.maketrans("0123456789", "០១២៣៤៥៦៧៨៩")
_SIX_DIGIT_PREFIXES = ("010", "011", "012", "015", "016", "017", "069", "070", "077", "081", "085", "089", "092", "098")
_SEVEN_DIGIT_PREFIXES = ("031", "071", "088", "096", "097")

_CUSTOMER: tuple[tuple[str, ...], ...] = (
    (
        "សួស្តីបង! {item}នេះនៅមានទេ?",
        "សួស្តី 🙏 តម្លៃប៉ុន្មានបង?",
        "បង\u200b{item}\u200bពណ៌{colour}\u200bនៅមានអត់?",
        "Hi, is this {english} still available?",
        "Hello! How much is the {english}?",
        "bong price ប៉ុន្មាន?",
        "https://shop.example/p/{number} នៅមានទេបង?",
    ),
    (
        "មានទំហំ {size} ទេ?",
        "ដឹកទៅ{place}ថ្លៃប៉ុន្មានបង?",
        "មានពណ៌{colour}ទេ? ខ្ញុំចង់បានទំហំ {size}",
        "Do you have size {size}? <3",
        "Do you deliver to {place}? How many days?",
        "size {size} នៅមានអត់ bong?",
        "ចុះតម្លៃបន្តិចបានទេ? {price} បានអត់? 😅",
    ),
    (
        "ខ្ញុំយក {few} លេខទូរស័ព្ទ {phone}",
        "ផ្ញើមក{place} លេខខ្ញុំ {phone} អរគុណបង",
        "OK I take {few}. My phone: {phone}",
        "ok យក {few}, phone {phone}, {place}",
        "ឈ្មោះ {name}\nទូរស័ព្ទ {phone}\nផ្ទះលេខ {number} ផ្លូវ ២៧១ {place}",
        "Please send to house {number}, street 271, {place}. Call {phone} or {phone}",
        "ខ្ញុំបានវេរ {price} រួចហើយ ការបញ្ជាទិញ {order}",
    ),
    (
        "អរគុណបង 🙏🙏",
        "បានទទួលហើយ ស្អាតណាស់ ❤️",
        "Thank you! When will {order} arrive?",
        "ok tks bong 👍",
        "ការបញ្ជាទិញ {order} ដល់ណាហើយបង?",
        "ចាស",
    ),
)
_SHOP: tuple[tuple[str, ...], ...] = (
    (
        "បាទ នៅមានបង តម្លៃ {price}",
        "ចាស៎ នៅមាន! យកទំហំប៉ុន្មានដែរបង?",
        "Yes, still available. {price} only.",
        "{item}ពណ៌{colour} {price} បង 😊",
    ),
    (
        "ដឹកទៅ{place} {price} បង ២ ថ្ងៃដល់",
        "មានទំហំ {size} បង។ សូមផ្ញើលេខទូរស័ព្ទ និងអាសយដ្ឋាន",
        "Size {size} is in stock. Please send your phone number and address.",
        "free delivery ក្នុង{place} បង",
    ),
    (
        "បានកត់ត្រាហើយបង លេខបញ្ជាទិញ {order} សរុប {price}",
        "Order {order} confirmed, total {price}. Hotline {phone}",
        "សូមទូរស័ព្ទមក {phone} បើមានចម្ងល់",
    ),
    (
        "អរគុណច្រើនបង 🙏",
        "{order} បានផ្ញើចេញហើយបង 📦",
        "Thank you for shopping with us!",
    ),
)
_COMMENTS = ("ថ្លៃប៉ុន្មាន?", "តម្លៃ?", "price?", "inbox ហើយបង", "ចាប់អារម្មណ៍ 🙋", "នៅមានទេ? {phone}", "Nice! ❤️")
_CORRECTIONS = ("បង", "វិញ", "(កែ)", "sorry 🙏", "ទំហំ {size} វិញ", "លេខថ្មី {phone}")


def phone(rng: random.Random) -> str:
    """A made-up Cambodian mobile number as people type it: Latin or Khmer digits, grouped or not, +855 or not."""
    if rng.random() < 0.6:
        digits = f"{rng.choice(_SIX_DIGIT_PREFIXES)}000{rng.randrange(1000):03d}"
    else:
        digits = f"{rng.choice(_SEVEN_DIGIT_PREFIXES)}000{rng.randrange(10000):04d}"
    grouped = f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    spelled = rng.choice((digits, grouped, grouped.replace(" ", "-"), f"+855{digits[1:]}", f"+855 {grouped[1:]}"))
    return spelled.translate(_TO_KHMER_DIGITS) if rng.random() < 0.35 else spelled


def price(rng: random.Random) -> str:
    """Dollars or riel, in Latin or Khmer digits."""
    riel = f"{rng.randrange(5, 200) * 1000}"
    dollars = rng.randrange(3, 90)
    khmer = riel.translate(_TO_KHMER_DIGITS)
    return rng.choice((f"${dollars}", f"{dollars}.50$", f"{riel}៛", f"{khmer}៛", f"{riel} រៀល"))


def order_number(rng: random.Random) -> str:
    """An order number in one of the usual forms."""
    return rng.choice(("#KH-{}", "HD{}", "លេខ {}")).format(rng.randrange(10_000, 99_999))


_FIELDS: dict[str, Callable[[random.Random], str]] = {
    "item": lambda rng: rng.choice(_ITEMS),
    "english": lambda rng: rng.choice(_ENGLISH_ITEMS),
    "colour": lambda rng: rng.choice(_COLOURS),
    "place": lambda rng: rng.choice(_PLACES),
    "size": lambda rng: rng.choice(_SIZES),
    "name": lambda rng: rng.choice(NAMES),
    "few": lambda rng: str(rng.randrange(1, 5)),
    "number": lambda rng: str(rng.randrange(1, 900)),
    "price": price,
    "phone": phone,
    "order": order_number,
}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _fill(template: str, rng: random.Random) -> str:
    return _PLACEHOLDER.sub(lambda found: _FIELDS[found[1]](rng), template)


def customer_line(rng: random.Random, turn: int) -> str:
    """A customer's text in the given turn. One text in a hundred is a long pasted list."""
    lines = _CUSTOMER[turn % len(_CUSTOMER)]
    if rng.random() < 0.01:
        return "\n".join(_fill(rng.choice(lines), rng) for _ in range(25))
    return _fill(rng.choice(lines), rng)


def shop_line(rng: random.Random, turn: int) -> str:
    """The shop's answer in the given turn."""
    return _fill(rng.choice(_SHOP[turn % len(_SHOP)]), rng)


def comment(rng: random.Random) -> str:
    """A comment on a post."""
    return _fill(rng.choice(_COMMENTS), rng)


def corrected(text: str, rng: random.Random) -> str:
    """The text after its writer edited it."""
    return f"{text} {_fill(rng.choice(_CORRECTIONS), rng)}"


def full_name(rng: random.Random) -> str:
    """A full name, the family name first, as Cambodians write it."""
    name = rng.choice(NAMES)
    return f"{rng.choice(_ENGLISH_FAMILIES if name.isascii() else _FAMILIES)} {name}"


def item(rng: random.Random) -> str:
    """The name of something the shop sells."""
    return rng.choice(_ITEMS)
