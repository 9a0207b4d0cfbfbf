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

    /// <summary>a-f 0-9.</summary>
    Hex,

    /// <summary>A-Z a-z 0-9 and underscore.</summary>
    Word,

    /// <summary>A-Z a-z 0-9, dash, underscore.</summary>
    Url,

    /// <summary>A-Z a-z 0-9, dash, underscore, dot.</summary>
    Dotted,

    /// <summary>Base 64: A-Z a-z 0-9 + / =.</summary>
    Base64,

    /// <summary>Base 64 in a URL: + and / and = may be percent-encoded.</summary>
    Signature,
}

/// <summary>A prefix by which a service marks its secrets.</summary>
/// <param name="Prefix">The literal text.</param>
/// <param name="Alphabet">What follows.</param>
/// <param name="Min">The least that must follow.</param>
/// <param name="IsWord">True when the prefix could be the end of an ordinary word: then it must not follow a letter or digit, and a digit must follow.</param>
/// <param name="Max">The most that may follow, where the length is fixed; 0 for any.</param>
internal readonly record struct SecretPrefix(string Prefix, SecretAlphabet Alphabet, int Min, bool IsWord = false, int Max = 0);

/// <summary>The prefixes that the detector <c>api-key</c> knows. What follows is masked as far as its alphabet goes.</summary>
internal static class SecretPrefixes
{
    public static readonly ImmutableArray<SecretPrefix> All =
    [
        new("AKIA", SecretAlphabet.Upper, 16), // AWS access keys
        new("ASIA", SecretAlphabet.Upper, 16),
        new("ABIA", SecretAlphabet.Upper, 16, IsWord: true),
        new("ACCA", SecretAlphabet.Upper, 16, IsWord: true),
        new("ABSK", SecretAlphabet.Base64, 80),
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
        new("glptt-", SecretAlphabet.Dotted, 16),
        new("glft-", SecretAlphabet.Dotted, 16),
        new("glimt-", SecretAlphabet.Dotted, 16),
        new("glagent-", SecretAlphabet.Dotted, 16),
        new("glsoat-", SecretAlphabet.Dotted, 16),
        new("glffct-", SecretAlphabet.Dotted, 16),
        new("GR1348941", SecretAlphabet.Url, 20),
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
        new("xwfp-", SecretAlphabet.Url, 10),
        new("hooks.slack.com/services/", SecretAlphabet.Base64, 20),
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
        new("dckr_oat_", SecretAlphabet.Url, 20),
        new("oy2", SecretAlphabet.Alphanumeric, 43, IsWord: true, Max: 43), // NuGet
        new("cio", SecretAlphabet.Alphanumeric, 32, IsWord: true, Max: 32), // crates.io
        new("AKCp", SecretAlphabet.Alphanumeric, 60), // Artifactory
        new("sk-ant-", SecretAlphabet.Url, 16), // model providers
        new("sk-svcacct-", SecretAlphabet.Url, 16),
        new("sk-admin-", SecretAlphabet.Url, 16),
        new("gsk_", SecretAlphabet.Alphanumeric, 40),
        new("xai-", SecretAlphabet.Alphanumeric, 60),
        new("pplx-", SecretAlphabet.Alphanumeric, 40),
        new("r8_", SecretAlphabet.Alphanumeric, 36, IsWord: true),
        new("sk-proj-", SecretAlphabet.Url, 16),
        new("sk-", SecretAlphabet.Url, 20, IsWord: true),
        new("hf_", SecretAlphabet.Alphanumeric, 30, IsWord: true),
        new("SG.", SecretAlphabet.Dotted, 40, IsWord: true), // SendGrid
        new("key-", SecretAlphabet.Alphanumeric, 32, IsWord: true), // Mailgun
        .. "0123456789abcdef".Select(first => new SecretPrefix("SK" + first, SecretAlphabet.Hex, 31, IsWord: true, Max: 31)), // Twilio
        new("shpat_", SecretAlphabet.Alphanumeric, 32), // Shopify
        new("shpca_", SecretAlphabet.Alphanumeric, 32),
        new("shpss_", SecretAlphabet.Alphanumeric, 32),
        new("shppa_", SecretAlphabet.Alphanumeric, 32),
        new("dor_v1_", SecretAlphabet.Alphanumeric, 40),
        new("dop_v1_", SecretAlphabet.Alphanumeric, 40), // DigitalOcean
        new("doo_v1_", SecretAlphabet.Alphanumeric, 40),
        new("hvs.", SecretAlphabet.Url, 20), // Vault
        new("hvb.", SecretAlphabet.Url, 20),
        new("hvr.", SecretAlphabet.Url, 20),
        new("glsa_", SecretAlphabet.Word, 30), // Grafana
        new("glc_eyJ", SecretAlphabet.Base64, 30),
        new("dapi", SecretAlphabet.Hex, 32, IsWord: true), // Databricks
        new("ATATT3", SecretAlphabet.Base64, 40), // Atlassian
        new("ATCTT3", SecretAlphabet.Base64, 40),
        new("HRKU-", SecretAlphabet.Url, 30), // Heroku
        new("NRAK-", SecretAlphabet.Upper, 27), // New Relic
        new("pscale_tkn_", SecretAlphabet.Dotted, 30), // PlanetScale
        new("pscale_pw_", SecretAlphabet.Dotted, 30),
        new("pscale_oauth_", SecretAlphabet.Dotted, 30),
        new("dp.pt.", SecretAlphabet.Alphanumeric, 40), // Doppler
        new("dp.st.", SecretAlphabet.Dotted, 40),
        new("sbp_", SecretAlphabet.Hex, 40), // Supabase
        new("sb_secret_", SecretAlphabet.Url, 20),
        new("nfp_", SecretAlphabet.Alphanumeric, 36, IsWord: true), // Netlify
        new("sntrys_", SecretAlphabet.Base64, 40), // Sentry
        new("sntryu_", SecretAlphabet.Hex, 60),
        new("ntn_", SecretAlphabet.Alphanumeric, 40, IsWord: true), // Notion
        new("figd_", SecretAlphabet.Url, 30), // Figma
        new("pat-na1-", SecretAlphabet.Url, 30), // HubSpot
        new("pat-eu1-", SecretAlphabet.Url, 30),
        new("tskey-", SecretAlphabet.Url, 20), // Tailscale
        new("pul-", SecretAlphabet.Hex, 40, IsWord: true), // Pulumi
        new("CCIPAT_", SecretAlphabet.Word, 30), // CircleCI
        new("bkua_", SecretAlphabet.Hex, 40), // Buildkite
        new("LTAI", SecretAlphabet.Alphanumeric, 17, IsWord: true, Max: 24), // Alibaba
        new("ops_eyJ", SecretAlphabet.Url, 100), // 1Password
        new("PMAK-", SecretAlphabet.Url, 30), // Postman
        new("lin_api_", SecretAlphabet.Alphanumeric, 30), // Linear
        new("sq0atp-", SecretAlphabet.Url, 20), // Square
        new("sq0csp-", SecretAlphabet.Url, 20),
        new("AccountKey=", SecretAlphabet.Base64, 40), // Azure storage and buses
        new("SharedAccessKey=", SecretAlphabet.Base64, 40),
        new("&sig=", SecretAlphabet.Signature, 40), // signed links
        new("?sig=", SecretAlphabet.Signature, 40),
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
            SecretAlphabet.Hex => "0123456789abcdef",
            SecretAlphabet.Signature => alphanumeric + "+/=%",
            SecretAlphabet.Word => alphanumeric + "_",
            SecretAlphabet.Url => alphanumeric + "-_",
            SecretAlphabet.Dotted => alphanumeric + "-_.",
            _ => alphanumeric + "+/=",
        };
        return SearchValues.Create(System.Text.Encoding.ASCII.GetBytes(text));
    }
}
