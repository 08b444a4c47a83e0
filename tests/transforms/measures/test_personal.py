import pytest

from prefcurate.transforms.measures.personal import masked, personal_data

KEY = "sk-" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4"
AWS = "AKIA" + "IOSFODNN7ABCDEFG"
GITHUB = "ghp_" + "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq98x\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "data, kind",
    [
        ("anna.berg@posteo.de", "e-mail"),
        ("a_b+c@mail.uni-koeln.de", "e-mail"),
        ("+49 221 470 1234", "phone number"),
        ("+1 (917) 444-6321", "phone number"),
        ("(647) 321-1199", "phone number"),
        ("323-856-7866", "phone number"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
        ("GB82WEST12345698765432", "IBAN"),
        ("4539 1488 0343 6467", "card number"),
        ("4539148803436467", "card number"),
        ("378282246310005", "card number"),
        (KEY, "key"),
        (AWS, "key"),
        (GITHUB, "key"),
        (PRIVATE, "key"),
    ],
)
def test_personal_data(data, kind):
    text = f"Hello {data}, and good bye"
    assert personal_data(text) == [(6, 6 + len(data), kind)]
    assert masked(text) == (f"Hello [{kind}], and good bye", {kind: 1})


def test_what_a_number_is_called():
    assert masked("Telefon: 0221 4701234.")[0] == "Telefon: [phone number]."
    assert masked("It takes 0221 4701234 steps.")[1] == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "info@example.com and you@yourdomain.com",
        "icon@2x.png",
        "a@b.com or john@example.co.uk",
        "flastname@school.edu",
        "Call 1-800-273-8255 or 911.",
        "Call 555-0123 or (212) 555-0199.",
        "In 1914-1918 and 2020-01-31 12:30:15 it was 3.14159265358979.",
        "ISBN 978-3-16-148410-0",
        "4539 1488 0343 6468",
        "1234567890123456",
        "GB82 WEST 1234 5698 7654 33",
        "10.1000/182 at 192.168.178.21",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "the task-oriented-dialogue-systems-of-2019-and-2020",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12",
        "100000 200000 300000",
        "@anna wrote",
    ],
)
def test_no_personal_data(text):
    assert personal_data(text) == []


def test_several_in_a_text_are_told_in_order_and_never_overlap():
    text = f"{KEY} then anna@posteo.de and 4539 1488 0343 6467, anna@posteo.de"
    assert [kind for _, _, kind in personal_data(text)] == ["key", "e-mail", "card number", "e-mail"]
    assert masked(text) == (
        "[key] then [e-mail] and [card number], [e-mail]",
        {"key": 1, "e-mail": 2, "card number": 1},
    )


def test_long_texts_take_no_long_time():
    # Quadratic patterns would take minutes.
    for text in (
        "1" * 200_000,
        "1 " * 100_000,
        "a@" * 100_000,
        "+1" * 100_000,
        "a." * 100_000 + "@",
        "-----BEGIN PRIVATE KEY-----" * 5_000,
    ):
        masked(text)
