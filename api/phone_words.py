"""Pure: the words around a row of digits that tell a telephone number from an account, an order or a price.

In the languages that customers of a Cambodian shop write: Khmer, English, Chinese, Vietnamese, Thai. The digits around
are Latin already.
"""

import re
from typing import Final, Literal

Said = Literal["phone", "other"]

_PHONE: Final = (
    *("telephone", "tel", "phone", "ph", "mobile", "hp", "h/p", "hotline", "call", "contact", "sms", "handphone"),
    *("whatsapp", "telegram", "viber", "zalo", "wechat", "line", "smart", "cellcard", "metfone", "seatel", "cootel"),
    *("ទូរស័ព្ទ", "ទូរសព្ទ", "តេ", "តេលេក្រាម", "ទាក់ទង", "ទំនាក់ទំនង"),
    *("电话", "手机", "微信", "联系", "sđt", "sdt", "điện thoại", "gọi", "เบอร์", "โทร", "โทรศัพท์", "ติดต่อ"),
)
"""What stands before a telephone number."""

_OTHER: Final = (
    *("account", "acct", "acc", "a/c", "iban", "passport", "imei", "serial", "barcode", "sku", "invoice"),
    *("tracking", "transaction", "txn", "trx"),
    *("គណនី", "តាមដាន", "ប្រតិបត្តិការ", "អត្តសញ្ញាណ", "លិខិតឆ្លងដែន", "វិក្កយបត្រ", "បាកូដ"),
    *("账号", "帐号", "账户", "卡号", "银行卡", "单号", "tài khoản", "stk", "vận đơn", "บัญชี", "พัสดุ", "รหัส"),
)
"""What makes the next digits something else, also with a few words between: "account of Sok Dara"."""

_OTHER_BESIDE: Final = (
    *("aba", "acleda", "canadia", "sathapana", "id", "ref", "reference", "code", "sn", "otp", "order code", "order"),
    *("លេខបញ្ជាទិញ", "ការបញ្ជាទិញ", "លេខកុម្ម៉ង់", "លេខកញ្ចប់", "លេខកាត", "លេខកូដ", "កូដ", "លេខសម្គាល់"),
    *("订单", "mã", "mã đơn", "ออเดอร์"),
)
"""The same only where the digits follow at once: a bank's or an order's name also stands in sentences that end with a
telephone number ("paid by ABA already, call ...")."""

_FILLING: Final = ("no", "number", "num", "id", "is", "គឺ", "លេខ", "是", "là", "คือ")
"""What may stand between such a word and the digits, beside the marks below."""
_MARKS: Final = " :.#=~()-៖："

_OTHER_WITHIN = re.compile("|".join(map(re.escape, _OTHER)))
_LATIN = re.compile("[a-z]")
_CODE_BEFORE = re.compile(r"(?:[a-z]|(?<![a-z])[a-z]{1,4}-|[#_@$€៛฿])$", re.IGNORECASE)
"""A letter, a sign of money or of an order touches the digits: `VET012...`, `HD-012...`, `#012...`."""

_NOT_AFTER = re.compile(
    r"[A-Z_@%#]|[a-z]*\d"
    r"|\s?(?:[៛฿€¥]|\$(?!\s?\d)|(?:riels?|usd|khr|baht|vnd|đ|dollars?)(?![a-z])|រៀល|ដុល្លារ|บาท|元|瑞尔)"
)
"""An order's letters, or a price's money."""


def said_before(before: str) -> Said | None:
    """What the words before the digits say of them, None for nothing. The last word that tells has its way."""
    if not before or before.isspace():
        return None
    lowered = before.lower()
    bare = lowered.rstrip(_MARKS)
    beside = [bare]
    if bare.endswith(_FILLING):
        filling = next(filling for filling in _FILLING if bare.endswith(filling))
        beside.append(bare.removesuffix(filling).rstrip(_MARKS))
    if any(_whole_at_end(text, _PHONE) for text in beside):
        return "phone"
    if any(_whole_at_end(text, _OTHER_BESIDE) for text in beside) or _CODE_BEFORE.search(before[-6:]):
        return "other"
    if _OTHER_WITHIN.search(lowered):
        told = max(_last(lowered, word) for word in _OTHER)
        if told > max(_last(lowered, word) for word in _PHONE):
            return "other"
    return None


def goes_on_as_other(after: str) -> bool:
    """Whether what touches the end of the digits makes them a code or a price."""
    return _NOT_AFTER.match(after) is not None


def _whole_at_end(text: str, words: tuple[str, ...]) -> bool:
    if not text.endswith(words):  # one call for all of them
        return False
    return any(text.endswith(word) and _whole(text, len(text) - len(word), word) for word in words)


def _last(text: str, word: str) -> int:
    """Where a word stands last, -1 where it does not."""
    at = text.rfind(word)
    while at >= 0 and not _whole(text, at, word):
        at = text.rfind(word, 0, at + len(word) - 1)
    return at


def _whole(text: str, at: int, word: str) -> bool:
    """Whether the word there is no part of a longer Latin one. Khmer, which parts no words, may touch it."""
    end = at + len(word)
    return not (at and _LATIN.match(text, at - 1)) and not (end < len(text) and _LATIN.match(text, end))
