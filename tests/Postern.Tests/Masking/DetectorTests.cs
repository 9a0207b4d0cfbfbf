using System.Diagnostics;
using System.Text.Json;
using Postern.Core.Masking;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

[Guarantee("G11")]
public sealed class DetectorTests
{
    [Theory]
    [InlineData("4111111111111111")]
    [InlineData("4111 1111 1111 1111")]
    [InlineData("4111-1111-1111-1111")]
    [InlineData("4111.1111.1111.1111")]
    [InlineData("4111_1111_1111_1111")]
    [InlineData("4111/1111/1111/1111")]
    [InlineData("4111-1111 1111.1111")]
    [InlineData("4111 - 1111 - 1111 - 1111")]
    [InlineData("4111\u00a01111\u00a01111\u00a01111")]
    [InlineData("4111\u20091111\u20091111\u20091111")]
    [InlineData("4111\u200b1111\u200b1111\u200b1111")]
    [InlineData("4111\u20131111\u20131111\u20131111")]
    [InlineData("411111 1111111111")]
    [InlineData("41111111 11111111")]
    [InlineData("4111 11 11 11 11 11 11")]
    [InlineData("5555555555554444")]
    [InlineData("2223003122003222")]
    [InlineData("378282246310005")]
    [InlineData("3782 822463 10005")]
    [InlineData("30569309025904")]
    [InlineData("6011111111111117")]
    [InlineData("3530111333300000")]
    [InlineData("6200000000000005")]
    [InlineData("4222222222222")]
    [InlineData("6759649826438453")]
    public void A_card_is_found_in_any_grouping(string card)
    {
        Assert.Equal("\"[masked:m]\"", Values(MaskKind.Redact, Detectors.CreditCard).Apply($"\"{card}\""));
        Assert.Equal("\"pay x[masked:m]y now\"", Values(MaskKind.Redact, Detectors.CreditCard).Apply($"\"pay x{card}y now\""));
        Assert.Equal("\"12-[masked:m], 7\"", Values(MaskKind.Redact, Detectors.CreditCard).Apply($"\"12-{card}, 7\""));
        Assert.Equal("[masked:m] [masked:m]", Values(MaskKind.Redact, Detectors.CreditCard).Apply($"{card} {card}", FrameShape.Text));
    }

    [Theory]
    [InlineData("4111111111111112")]
    [InlineData("1700000000000")]
    [InlineData("1234567890123452")]
    [InlineData("20261121115706123")]
    [InlineData("41111111111111111111")]
    [InlineData("411111111111")]
    [InlineData("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")]
    [InlineData("10.0.0.1 192.168.100.200")]
    [InlineData("2026-11-21 11:57:06.123456")]
    [InlineData("+49 170 1234567")]
    [InlineData("978-3-16-148410-0")]
    public void Other_numbers_are_left_alone(string text) =>
        Assert.Equal($"\"{text}\"", Values(MaskKind.Redact, Detectors.CreditCard).Apply($"\"{text}\""));

    [Theory]
    [Row("N04")]
    [InlineData("4111111111111111", true)]
    [InlineData("4111111111111111.0", true)]
    [InlineData("4111111111111111.25", true)]
    [InlineData("-4111111111111111", true)]
    [InlineData("4111111111111111e0", true)]
    [InlineData("4111111111111111E+0", true)]
    [InlineData("4.111111111111111e15", true)]
    [InlineData("41111111111111110e-1", true)]
    [InlineData("0.004111111111111111e18", true)]
    [InlineData("4111111111111112", false)]
    [InlineData("4111111111111111e1", false)]
    [InlineData("4111111111111111e400", false)]
    [InlineData("4111111111111111e99999999999999999999", false)]
    [InlineData("411111111111111.1", false)]
    [InlineData("0.4111111111111111", false)]
    [InlineData("1700000000000", false)]
    public void A_number_that_is_a_card_becomes_zero(string number, bool isCard)
    {
        Assert.Equal(isCard ? "[0]" : $"[{number}]", Values(MaskKind.Partial, Detectors.CreditCard).Apply($"[{number}]"));
        Assert.Equal($"[{number}]", Values(MaskKind.Redact, Detectors.Email).Apply($"[{number}]"));
    }

    [Theory]
    [InlineData("bob@example.com", "[masked:m]")]
    [InlineData("Bob <bob.smith+tag@mail.example.co.uk>, hi", "Bob <[masked:m]>, hi")]
    [InlineData("mailto:bob@example.com?subject=x", "mailto:[masked:m]?subject=x")]
    [InlineData("a@b.co,c@d.org;e@f.net", "[masked:m],[masked:m];[masked:m]")]
    [InlineData("Write to bob@example.com.", "Write to [masked:m].")]
    [InlineData("bob%40example.com", "[masked:m]")]
    [InlineData("jürgen@exämple.de", "[masked:m]")]
    [InlineData("x@xn--exmple-cua.xn--p1ai", "[masked:m]")]
    [InlineData("\\\"john doe\\\"@example.com", "[masked:m]")]
    [InlineData("bob@example.com.5", "[masked:m]")]
    [InlineData("a@b@example.com", "a@[masked:m]")]
    [InlineData("bob\\u0040example.com", "[masked:m]")]
    [InlineData("b\\u006fb@ex\\u0061mple.com", "[masked:m]")]
    [InlineData("line\\nbob@example.com\\nline", "line\\n[masked:m]\\nline")]
    public void An_address_is_found(string text, string expected) =>
        Assert.Equal($"\"{expected}\"", Values(MaskKind.Redact, Detectors.Email).Apply($"\"{text}\""));

    [Theory]
    [InlineData("@example.com")]
    [InlineData("root@localhost")]
    [InlineData("left-pad@1.3.0")]
    [InlineData("50% 40% %40")]
    [InlineData("a @ b.com")]
    [InlineData("\\u0040mention")]
    public void What_is_no_address_is_left_alone(string text) =>
        Assert.Equal($"\"{text}\"", Values(MaskKind.Redact, Detectors.Email).Apply($"\"{text}\""));

    // Written in two pieces, so that scanners of this repository do not take them for real.
    public static TheoryData<string> Keys =>
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ASIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345",
        "gho_" + "0123456789abcdefghijABCDEFGHIJ012345",
        "ghu_" + "0123456789abcdefghijABCDEFGHIJ012345",
        "ghs_" + "0123456789abcdefghijABCDEFGHIJ012345",
        "ghr_" + "0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_" + "11ABCDEFG0123456789_abcdefghij",
        "glpat-" + "abc_DEF-0123456789xy",
        "xoxb-" + "123456789012-abcdefABCDEF",
        "xoxp-" + "123456789012-abcdefABCDEF",
        "sk_live_" + "0123456789abcdefABCDEF",
        "rk_live_" + "0123456789abcdefABCDEF",
        "AIza" + "SyA-0123456789_abcdefghijABCDEFGHIJ",
        "npm_" + "0123456789abcdefghijABCDEFGHIJ012345",
        "sk-" + "0123456789abcdefghijABCDEFGHIJ",
        "sk-ant-" + "api03-abcdefghij_ABCDEFGHIJ-0123",
        "sk-proj-" + "abcdefghijABCDEFGHIJ0123",
        "hf_" + "abcdefghijABCDEFGHIJ0123456789abcd",
        "SG." + "abcdefghijABCDEFGHIJ01.abcdefghijABCDEFGHIJ0123456789abcdefghijABC",
        "dop_v1_" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "hvs." + "CAESIabcdefghijABCDEFGHIJ",
        "pypi-" + "AgEIcHlwaS5vcmcabcdefghijABCDEFGHIJ0123",
        "AccountKey=" + "abcdefghijABCDEFGHIJ0123456789+/abcdefghijABCDEFGHIJ0123456789==",
    ];

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_key_is_found_whatever_stands_around_it_and_however_it_is_escaped(string key)
    {
        var masker = Values(MaskKind.Redact, Detectors.ApiKey);
        var escaped = string.Concat(key.Select(unit => $"\\u{(int)unit:x4}"));

        Assert.Equal("\"[masked:m]\"", masker.Apply($"\"{key}\""));
        Assert.Equal("\"[masked:m]\"", masker.Apply($"\"{escaped}\""));
        Assert.Equal("\"token=[masked:m], next\"", masker.Apply($"\"token={key}, next\""));
        Assert.Equal("a\n[masked:m]\n", masker.Apply($"a\n{key}\n", FrameShape.Text));
        // Borders of the search window do not matter.
        for (var before = 1000; before < 1050; before++)
        {
            Assert.Equal(new string(' ', before) + "[masked:m]", masker.Apply(new string(' ', before) + key, FrameShape.Text));
        }
    }

    [Theory]
    [InlineData("AKIA")]
    [InlineData("AKIAIOSFODNN7EXAMP")]
    [InlineData("a task-force-of-many-people-in-2026-and-on")]
    [InlineData("sk-this-is-a-class-name-without-figures")]
    [InlineData("npm_config_cache is set, ghp_ is a prefix")]
    [InlineData("eyJust a word. eyJ.x")]
    [InlineData("-----BEGIN CERTIFICATE-----MIIB-----END CERTIFICATE-----")]
    public void What_only_begins_like_a_secret_is_left_alone(string text) => Assert.Equal($"\"{text}\"", AllValues().Apply($"\"{text}\""));

    [Theory]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")]
    [InlineData("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.")]
    [InlineData("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0")]
    [InlineData("eyJhbGciOiJSU0EtT0FFUCJ9.a2V5a2V5.aXZpdg.Y2lwaGVy.dGFn")]
    public void A_web_token_is_found(string token)
    {
        var masked = Values(MaskKind.Redact, Detectors.Jwt).Apply($"\"Bearer {token}\"");

        Assert.StartsWith("\"Bearer [masked:m]", masked, StringComparison.Ordinal);
        Assert.DoesNotContain("eyJ", masked, StringComparison.Ordinal);
        Assert.DoesNotContain("c2ln", masked, StringComparison.Ordinal);
        Assert.DoesNotContain("dGFn", masked, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RSA PRIVATE KEY")]
    [InlineData("PRIVATE KEY")]
    [InlineData("EC PRIVATE KEY")]
    [InlineData("OPENSSH PRIVATE KEY")]
    [InlineData("ENCRYPTED PRIVATE KEY")]
    [InlineData("PGP PRIVATE KEY BLOCK")]
    public void A_private_key_is_masked_to_its_end_or_to_the_end_of_the_text(string label)
    {
        var masker = Values(MaskKind.Redact, Detectors.PrivateKey);

        Assert.Equal("\"a\\n[masked:m]\\nb\"", masker.Apply($"\"a\\n-----BEGIN {label}-----\\nMIIB\\nAAAA\\n-----END {label}-----\\nb\""));
        Assert.Equal("\"a\\n[masked:m]\"", masker.Apply($"\"a\\n-----BEGIN {label}-----\\nMIIB\\nAAAA\""));
        Assert.Equal("a\n[masked:m]\nb", masker.Apply($"a\n-----BEGIN {label}-----\nMIIB\n-----END {label}-----\nb", FrameShape.Text));
    }

    [Theory]
    [Row("M14")]
    [InlineData(MaskKind.Partial, "card ****1111, mail ****com")]
    [InlineData(MaskKind.Redact, "card [masked:m], mail [masked:m]")]
    public void A_hit_is_replaced_in_its_place(MaskKind kind, string expected) =>
        Assert.Equal($"\"{expected}\"", AllValues(kind).Apply($"\"card {Card}, mail bob@example.com\""));

    [Fact]
    public void A_card_has_one_hash_however_it_is_written()
    {
        var masker = Values(MaskKind.Hash, Detectors.CreditCard);

        Assert.Equal(masker.Apply($"\"{Card}\""), masker.Apply("\"4111-1111 1111-1111\"".Replace(' ', '-')));
    }

    [Theory]
    [InlineData("bob\\\\u0040example.com")]
    [InlineData("say {\\\"mail\\\":\\\"bob\\\\u0040example.com\\\"}")]
    [InlineData("b\\\\\\\\u006fb@example.com or b\\\\\\\\u006fb\\\\\\\\u0040example.com")]
    [InlineData("\\\\u0041KIAIOSFODNN7EXAMPLE")]
    [InlineData("\\\\u0034111111111111111")]
    public void A_value_under_a_second_layer_of_escapes_takes_the_whole_text(string text) =>
        Assert.Equal("[\"[masked:m]\"]", AllValues().Apply($"[\"{text}\"]"));

    [Theory]
    [InlineData("C:\\\\users\\\\bob, \\\\u00zz, \\\\u0041, \\\\ud800")]
    [InlineData("a \\\\u")]
    public void Escapes_that_hide_nothing_stay(string text) => Assert.Equal($"[\"{text}\"]", AllValues().Apply($"[\"{text}\"]"));

    [Fact]
    [Row("M02")]
    public void Names_are_masked_and_stay_different()
    {
        Assert.Equal(
            """{"[masked:m:1]":1,"x [masked:m:2]":{"[masked:m:3]":2}}""",
            AllValues().Apply("""{"bob@example.com":1,"x \u0061nn@example.com":{"4111111111111111":2}}"""));
        Assert.Equal("""{"[masked:m:1]":1,"[masked:m:2]":2}""", AllValues(MaskKind.Partial).Apply("""{"bob@example.com":1,"ann@example.com":2}"""));
    }

    [Fact]
    [Row("M15")]
    public void A_name_planted_to_meet_a_masked_one_blocks_the_frame() =>
        Assert.Throws<MaskingException>(() => AllValues().Apply("""{"[masked:m:1]":0,"bob@example.com":1}"""));

    [Fact]
    [Row("M15")]
    public void Every_document_of_a_text_with_several_is_checked_for_names_that_meet() =>
        Assert.Throws<MaskingException>(() => AllValues().Apply("\"{\\\"a\\\":1}\\n{\\\"[masked:m:1]\\\":0,\\\"bob@example.com\\\":1}\""));

    [Fact]
    public void Overlapping_hits_become_one_with_the_strongest_treatment() =>
        Assert.Equal(
            "\"x [masked:d]\"",
            Masker.Compile([Rule("p", MaskKind.Partial, [], [Detectors.CreditCard]), Rule("d", MaskKind.Redact, [], [Detectors.Email])], Key)
                .Apply($"\"x {Card}@example.com\""));

    [Fact]
    public void An_unknown_detector_is_refused() =>
        Assert.Throws<ArgumentException>(() => Values(MaskKind.Redact, "creditcard"));

    [Theory]
    [Row("M16")]
    [InlineData("@")]
    [InlineData("a@")]
    [InlineData("%40")]
    [InlineData("a%40")]
    [InlineData("a@b.")]
    [InlineData("\"@")]
    [InlineData("eyJ")]
    [InlineData("eyJaaaaaaaaaa.")]
    [InlineData("sk-")]
    [InlineData("AKIA")]
    [InlineData("SG.")]
    [InlineData("AccountKey=")]
    [InlineData("://")]
    [InlineData("a://b:")]
    [InlineData("a://b:c@")]
    [InlineData("a://eyJhbGciOiJub25lIn0.eyJhbGci:b@")]
    [InlineData("eyJhbGciOiJub25lIn0.eyJhbGci")]
    [InlineData("password=a;")]
    [InlineData("password=")]
    [InlineData("password=\"")]
    [InlineData("password: ")]
    [InlineData("secret")]
    [InlineData("1.1.")]
    [InlineData("1:")]
    [InlineData("::")]
    [InlineData("+1")]
    [InlineData("+1 (")]
    [InlineData("DE89")]
    [InlineData("123-45-6789")]
    [InlineData("-----BEGIN ")]
    [InlineData("-----BEGIN PRIVATE KEY-----")]
    [InlineData("4111 ")]
    [InlineData("4111")]
    [InlineData("41-")]
    [InlineData("1 - 2")]
    [InlineData("4111-1111 1111.")]
    [InlineData("\\u0040")]
    [InlineData("\\\\\\\\u005c")]
    [InlineData("a@b.co ")]
    [InlineData("xn--.")]
    [InlineData("x")]
    [InlineData("xox")]
    [InlineData("-")]
    [InlineData("sk_")]
    [InlineData("1e1 ")]
    [InlineData("12345-")]
    public void Time_is_linear_whatever_the_text(string unit)
    {
        var masker = AllValues();
        var (small, large) = (TimeSpan.Zero, TimeSpan.Zero);
        for (var attempt = 0; attempt < 3; attempt++)
        {
            small = Time(20_000);
            large = Time(400_000);
            // Twenty times the text; quadratic work would take four hundred times as long. A busy machine gets two more chances.
            if (large < TimeSpan.FromMilliseconds(400) || large < small * 120) return;
        }
        Assert.Fail($"{small.TotalMilliseconds} ms, then {large.TotalMilliseconds} ms");

        TimeSpan Time(int length)
        {
            var content = JsonSerializer.SerializeToUtf8Bytes(string.Concat(Enumerable.Repeat(unit, length / unit.Length)));
            var output = new System.Buffers.ArrayBufferWriter<byte>(content.Length * 8);
            var watch = Stopwatch.StartNew();
            masker.Apply(content, FrameShape.Json, output);
            return watch.Elapsed;
        }
    }
}
