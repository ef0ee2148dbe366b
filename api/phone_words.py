"""Pure: the words around a row of digits that tell a telephone number from an account, an order or a price.

In the languages that customers of a Cambodian shop write: Khmer, English, Chinese, Vietnamese, Thai. Everything here
looks at text in lower case whose digits are Latin already.
"""

import re
from typing import Final

_PHONE = (
    *("telephone", "tel", "phone", "ph", "mobile", "hp", "h/p", "hotline", "call", "contact", "sms", "handphone"),
    *("whatsapp", "telegram", "viber", "zalo", "wechat", "line", "smart", "cellcard", "metfone", "seatel", "cootel"),
    *("ទូរស័ព្ទ", "ទូរសព្ទ", "តេ", "តេលេក្រាម", "ទាក់ទង", "ទំនាក់ទំនង"),
    *("电话", "手机", "微信", "联系", "sđt", "sdt", "điện thoại", "gọi", "เบอร์", "โทร", "โทรศัพท์", "ติดต่อ"),
)
"""What stands before a telephone number."""

_OTHER = (
    *("account", "acct", "acc", "a/c", "iban", "passport", "imei", "serial", "barcode", "sku", "invoice"),
    *("tracking", "transaction", "txn", "trx"),
    *("គណនី", "តាមដាន", "ប្រតិបត្តិការ", "អត្តសញ្ញាណ", "លិខិតឆ្លងដែន", "វិក្កយបត្រ", "បាកូដ"),
    *("账号", "帐号", "账户", "卡号", "银行卡", "单号", "tài khoản", "stk", "vận đơn", "บัญชี", "พัสดุ", "รหัส"),
)
"""What makes the next digits something else, with a few words between: "account of Sok Dara"."""

_OTHER_BESIDE = (
    *("aba", "acleda", "canadia", "sathapana", "id", "ref", "reference", "code", "sn", "otp"),
    *("order no", "order number", "order id", "order code", "order"),
    *("លេខបញ្ជាទិញ", "ការបញ្ជាទិញ", "លេខកុម្ម៉ង់", "លេខកញ្ចប់", "លេខកាត", "លេខកូដ", "កូដ", "លេខសម្គាល់"),
    *("订单", "mã", "mã đơn", "ออเดอร์"),
)
"""The same only where the digits follow at once: a bank's or an order's name also stands in sentences that end with a
telephone number ("paid by ABA already, call ...")."""

_BETWEEN = r"[\s:.#=~()\-៖：]*"
_FILLING = rf"{_BETWEEN}(?:(?:no|number|num|id|is|គឺ|លេខ|是|là|คือ){_BETWEEN})?"


def _any(words: tuple[str, ...]) -> str:
    """One of these; a Latin one as a whole word, which Khmer letters may touch."""
    return rf"(?<![a-z])(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})(?![a-z])"


_ORDER = "order"
_SAID = re.compile(f"(?P<phone>{_any(_PHONE)})|(?P<other>{_any(_OTHER)})")
_PHONE_BESIDE = re.compile(_any(_PHONE) + _FILLING + "$")
_NOT_BESIDE = re.compile(_any(_OTHER_BESIDE) + _FILLING + "$")
_CODE_BEFORE = re.compile(r"(?:[a-z]|(?<![a-z])[a-z]{1,4}-|[#_@$€៛฿])$", re.IGNORECASE)
"""A letter, a sign of money or of an order touches the digits: `VET012...`, `HD-012...`, `#012...`."""

_NOT_AFTER = re.compile(
    r"[A-Z_@%#]|[a-z]*\d"
    r"|\s?(?:[៛฿€¥]|\$(?!\s?\d)|(?:riels?|usd|khr|baht|vnd|đ|dollars?)(?![a-z])|រៀល|ដុល្លារ|บาท|元|瑞尔)"
)
"""An order's letters, or a price's money."""


def says_phone(before: str) -> bool:
    """Whether the words just before the digits say that a telephone number comes."""
    return _PHONE_BESIDE.search(before.lower()) is not None


def says_other(before: str) -> bool:
    """Whether the words before the digits say that something else comes. The last word that tells has its way.

    To be asked where `says_phone` is false: of `phone #` the first word counts.
    """
    lowered = before.lower()
    if _CODE_BEFORE.search(before) or _NOT_BESIDE.search(lowered):
        return True
    said: Final = [found.lastgroup for found in _SAID.finditer(lowered)]
    return bool(said) and said[-1] == "other"


def goes_on_as_other(after: str) -> bool:
    """Whether what touches the end of the digits makes them a code or a price."""
    return _NOT_AFTER.match(after) is not None
