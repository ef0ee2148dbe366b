"""Pure: decides from the words around digits whether they are a telephone number, or an account, an order or a price.

The words are in the languages of a Cambodian shop's customers: Khmer, English, Chinese, Vietnamese, Thai. Words and
marks are compared as they are in the text. The digits around them are Latin already.
"""

import re
from typing import Final

_PHONE: Final = (
    *("telephone", "tel", "phone", "ph", "mobile", "hp", "h/p", "hotline", "call", "contact", "sms", "handphone"),
    *("whatsapp", "telegram", "viber", "zalo", "wechat", "line", "smart", "cellcard", "metfone", "seatel", "cootel"),
    *("ទូរស័ព្ទ", "ទូរសព្ទ", "តេ", "តេលេក្រាម", "ទាក់ទង", "ទំនាក់ទំនង"),
    *("电话", "手机", "微信", "联系", "sđt", "sdt", "điện thoại", "gọi", "เบอร์", "โทร", "โทรศัพท์", "ติดต่อ"),
)
"""Words before a telephone number."""

_OTHER: Final = (
    *("account", "acct", "acc", "a/c", "iban", "passport", "imei", "serial", "barcode", "sku", "invoice"),
    *("tracking", "transaction", "txn", "trx"),
    *("គណនី", "តាមដាន", "ប្រតិបត្តិការ", "អត្តសញ្ញាណ", "លិខិតឆ្លងដែន", "វិក្កយបត្រ", "បាកូដ"),
    *("账号", "帐号", "账户", "卡号", "银行卡", "单号", "订单号", "tài khoản", "stk", "vận đơn", "บัญชี", "พัสดุ", "รหัส"),
)
"""Words that say: the next digits are something else. A few words may be between them, as in "account of Sok Dara"."""

_OTHER_BESIDE: Final = (
    *("aba", "acleda", "canadia", "sathapana", "id", "ref", "reference", "code", "sn", "otp", "order code", "order"),
    *("លេខបញ្ជាទិញ", "ការបញ្ជាទិញ", "លេខកុម្ម៉ង់", "លេខកញ្ចប់", "លេខកាត", "លេខកូដ", "កូដ", "លេខសម្គាល់"),
    *("订单", "mã", "mã đơn", "ออเดอร์"),
)
"""Words with the same meaning, but only if the digits follow directly. The name of a bank or the word "order" also
occurs in sentences that end with a telephone number ("paid by ABA already, call ...").
"""

_SAYS: Final[dict[str, str]] = dict.fromkeys(_PHONE, "phone") | dict.fromkeys(_OTHER + _OTHER_BESIDE, "other")
_WORD = re.compile("|".join(map(re.escape, sorted(_SAYS, key=len, reverse=True))))
_FILLING: Final = ("no", "number", "num", "id", "is", "គឺ", "លេខ", "是", "là", "คือ")
"""Words that may be between such a word and the digits, in addition to the marks below."""
_MARKS: Final = " :.#=~()-៖"

_LATIN = re.compile("[a-z]")
_CODE_BEFORE = re.compile(r"(?:[a-z]|(?<![a-z])[a-z]{1,4}-|[#_@$€៛฿])$", re.IGNORECASE)
"""A letter, or a sign of money or of an order, directly before the digits: `VET012...`, `HD-012...`, `#012...`."""

_NOT_AFTER = re.compile(
    r"[A-Z_@%#]|[a-z]*\d|\*[0-9*]*#|,\s?[0-9]{1,3}\.[0-9]{4}"
    r"|\s?(?:[៛฿€¥]|\$(?!\s?\d)|(?:riels?|usd|khr|baht|vnd|đ|dollars?)(?![a-z])|រៀល|ដុល្លារ|บาท|元|瑞尔)"
)
"""Text after digits that are not a telephone number: an order's letters, the end of a dialled code, a place's
longitude, or a price's currency."""


def said_before(before: str) -> str | None:
    """Returns the kind of the digits after these words: `phone`, `other`, or None. The last known word decides."""
    lowered = before.lower()
    bare = lowered.rstrip(_MARKS)
    if not bare:
        return "other" if _CODE_BEFORE.search(before) else None
    beside = [len(bare)]
    if bare.endswith(_FILLING):
        filling = next(filling for filling in _FILLING if bare.endswith(filling))
        beside.append(len(bare.removesuffix(filling).rstrip(_MARKS)))
    said: str | None = None
    beside_said = False
    for word in _WORD.finditer(lowered):
        if _is_whole(lowered, word.start(), word.end()):
            beside_said = word.end() in beside
            if beside_said or word[0] not in _OTHER_BESIDE:
                said = _SAYS[word[0]]
    if not beside_said and (said == "phone" or said is None):  # "call me at" does not make bare digits a number
        return "other" if _CODE_BEFORE.search(before[-6:]) else None
    return said


def goes_on_as_other(after: str) -> bool:
    """Returns whether the text directly after the digits shows that they are a code or a price."""
    return _NOT_AFTER.match(after) is not None


def _is_whole(text: str, start: int, end: int) -> bool:
    """Returns whether the word is not part of a longer Latin word. Khmer has no spaces between words, so Khmer letters
    may touch it.
    """
    return not (start and _LATIN.match(text, start - 1)) and not _LATIN.match(text, end)
