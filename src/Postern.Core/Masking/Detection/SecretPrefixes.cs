using System.Buffers;
using System.Collections.Immutable;

namespace Postern.Core.Masking.Detection;

/// <summary>What may follow a secret's prefix.</summary>
internal enum SecretAlphabet
{
    /// <summary>A-Z 0-9.</summary>
    Upper,

    /// <summary>A-Z a-z 0-9.</summary>
    Alphanumeric,

    /// <summary>A-Z a-z 0-9 and underscore.</summary>
    Word,

    /// <summary>A-Z a-z 0-9, dash, underscore.</summary>
    Url,

    /// <summary>A-Z a-z 0-9, dash, underscore, dot.</summary>
    Dotted,

    /// <summary>Base 64: A-Z a-z 0-9 + / =.</summary>
    Base64,
}

/// <summary>A prefix by which a service marks its secrets.</summary>
/// <param name="Prefix">The literal text.</param>
/// <param name="Alphabet">What follows.</param>
/// <param name="Min">The least that must follow.</param>
/// <param name="IsWord">True when the prefix could be the end of an ordinary word: then it must not follow a letter or digit, and a digit must follow.</param>
internal readonly record struct SecretPrefix(string Prefix, SecretAlphabet Alphabet, int Min, bool IsWord = false);

/// <summary>The prefixes that the detector <c>api-key</c> knows. What follows is masked as far as its alphabet goes.</summary>
internal static class SecretPrefixes
{
    public static readonly ImmutableArray<SecretPrefix> All =
    [
        new("AKIA", SecretAlphabet.Upper, 16), // AWS access keys
        new("ASIA", SecretAlphabet.Upper, 16),
        new("ghp_", SecretAlphabet.Word, 20), // GitHub
        new("gho_", SecretAlphabet.Word, 20),
        new("ghu_", SecretAlphabet.Word, 20),
        new("ghs_", SecretAlphabet.Word, 20),
        new("ghr_", SecretAlphabet.Word, 20),
        new("github_pat_", SecretAlphabet.Word, 20),
        new("glpat-", SecretAlphabet.Dotted, 16), // GitLab
        new("gldt-", SecretAlphabet.Dotted, 16),
        new("glrt-", SecretAlphabet.Dotted, 16),
        new("glcbt-", SecretAlphabet.Dotted, 16),
        new("xoxa-", SecretAlphabet.Url, 10), // Slack
        new("xoxb-", SecretAlphabet.Url, 10),
        new("xoxc-", SecretAlphabet.Url, 10),
        new("xoxd-", SecretAlphabet.Url, 10),
        new("xoxe-", SecretAlphabet.Url, 10),
        new("xoxe.", SecretAlphabet.Dotted, 10),
        new("xoxo-", SecretAlphabet.Url, 10),
        new("xoxp-", SecretAlphabet.Url, 10),
        new("xoxr-", SecretAlphabet.Url, 10),
        new("xoxs-", SecretAlphabet.Url, 10),
        new("xapp-", SecretAlphabet.Url, 10),
        new("sk_live_", SecretAlphabet.Word, 16), // Stripe
        new("rk_live_", SecretAlphabet.Word, 16),
        new("sk_test_", SecretAlphabet.Word, 16),
        new("rk_test_", SecretAlphabet.Word, 16),
        new("whsec_", SecretAlphabet.Base64, 16),
        new("AIza", SecretAlphabet.Url, 30), // Google
        new("GOCSPX-", SecretAlphabet.Url, 20),
        new("ya29.", SecretAlphabet.Dotted, 20),
        new("npm_", SecretAlphabet.Alphanumeric, 30), // package registries
        new("pypi-AgE", SecretAlphabet.Url, 30),
        new("rubygems_", SecretAlphabet.Alphanumeric, 40),
        new("dckr_pat_", SecretAlphabet.Url, 20),
        new("sk-ant-", SecretAlphabet.Url, 16), // model providers
        new("sk-proj-", SecretAlphabet.Url, 16),
        new("sk-", SecretAlphabet.Url, 20, IsWord: true),
        new("hf_", SecretAlphabet.Alphanumeric, 30, IsWord: true),
        new("SG.", SecretAlphabet.Dotted, 40, IsWord: true), // SendGrid
        new("key-", SecretAlphabet.Alphanumeric, 32, IsWord: true), // Mailgun
        new("shpat_", SecretAlphabet.Alphanumeric, 32), // Shopify
        new("shpca_", SecretAlphabet.Alphanumeric, 32),
        new("shpss_", SecretAlphabet.Alphanumeric, 32),
        new("dop_v1_", SecretAlphabet.Alphanumeric, 40), // DigitalOcean
        new("doo_v1_", SecretAlphabet.Alphanumeric, 40),
        new("hvs.", SecretAlphabet.Url, 20), // Vault
        new("hvb.", SecretAlphabet.Url, 20),
        new("glsa_", SecretAlphabet.Word, 30), // Grafana
        new("PMAK-", SecretAlphabet.Url, 30), // Postman
        new("lin_api_", SecretAlphabet.Alphanumeric, 30), // Linear
        new("sq0atp-", SecretAlphabet.Url, 20), // Square
        new("sq0csp-", SecretAlphabet.Url, 20),
        new("AccountKey=", SecretAlphabet.Base64, 40), // Azure storage
        new("AGE-SECRET-KEY-1", SecretAlphabet.Upper, 40), // age
    ];

    private static readonly SearchValues<byte>[] s_alphabets = [.. Enum.GetValues<SecretAlphabet>().Select(Bytes)];

    public static SearchValues<byte> BytesOf(SecretAlphabet alphabet) => s_alphabets[(int)alphabet];

    private static SearchValues<byte> Bytes(SecretAlphabet alphabet)
    {
        const string alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz";
        var text = alphabet switch
        {
            SecretAlphabet.Upper => alphanumeric[..36],
            SecretAlphabet.Alphanumeric => alphanumeric,
            SecretAlphabet.Word => alphanumeric + "_",
            SecretAlphabet.Url => alphanumeric + "-_",
            SecretAlphabet.Dotted => alphanumeric + "-_.",
            _ => alphanumeric + "+/=",
        };
        return SearchValues.Create(System.Text.Encoding.ASCII.GetBytes(text));
    }
}
