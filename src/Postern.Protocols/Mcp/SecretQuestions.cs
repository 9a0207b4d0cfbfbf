using System.Collections.Frozen;
using System.Text;
using System.Text.Json;

namespace Postern.Protocols.Mcp;

/// <summary>
/// Finds forms that ask for secrets, by what their fields are called, titled, described and formatted. Only fields that a person
/// fills in freely count: a choice from a list, a yes or no, cannot carry a secret. Read on normalised text in linear time.
/// </summary>
internal static class SecretQuestions
{
    private const int MaxDepth = 8;

    /// <summary>Single words, as they stand between separators or capitals.</summary>
    private static readonly FrozenSet<string> Words = new[]
    {
        "password", "passwords", "passwd", "pwd", "passphrase", "passcode", "secret", "secrets", "credential", "credentials", "token", "apikey", "pin", "pincode", "otp", "totp", "cvv", "cvv2", "cvc", "cvc2",
        "ssn", "bearer", "jwt", "mnemonic", "seedphrase", "2fa", "mfa", "card", "cardnumber", "creditcard",
        "passwort", "kennwort", "zugangsdaten", "wachtwoord", "contrasena", "clave", "senha", "motdepasse", "haslo", "heslo", "parola", "parole", "пароль", "密码", "パスワード", "비밀번호",
    }.Select(LetterFold.Of).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Words that mean a secret only together.</summary>
    private static readonly FrozenSet<string> Pairs = new[]
    {
        "api key", "api keys", "access key", "private key", "secret key", "ssh key", "signing key", "encryption key", "account key", "license key", "card number", "credit card", "debit card", "bank card",
        "security code", "recovery code", "backup code", "verification code", "authentication code", "auth code", "login code", "one time", "social security", "seed phrase", "recovery phrase", "connection string",
        "mot passe", "tarjeta credito", "numero carte",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Unmistakable even when the words run together or are spaced out.</summary>
    private static readonly string[] Anywhere = ["password", "passwd", "passphrase", "passwort", "kennwort", "apikey", "accesskey", "privatekey", "secretkey", "clientsecret", "creditcard", "cardnumber", "securitycode"];

    /// <summary>In a question as a whole: a word of asking, and then a secret, soon.</summary>
    private static readonly FrozenSet<string> Asking = new[] { "enter", "provide", "give", "type", "paste", "share", "send", "supply", "input", "submit", "confirm", "your" }.ToFrozenSet(StringComparer.Ordinal);

    private const int Soon = 6;

    /// <summary>Words of JSON Schema under which fields can stand that <c>properties</c> does not name.</summary>
    private static readonly FrozenSet<string> Indirect = new[]
    {
        "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "patternProperties", "dependentSchemas",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>True when a form (<c>params</c> of <c>elicitation/create</c>) has a field for a secret.</summary>
    public static bool AreAskedForIn(JsonElement parameters)
    {
        if (!parameters.TryGetProperty("requestedSchema", out var schema) || schema.ValueKind != JsonValueKind.Object) return false;
        var hasFreeField = false;
        if (IsAskedForBy(schema, ref hasFreeField, 0)) return true;
        return hasFreeField && parameters.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.String && AsksFor(message);
    }

    /// <summary>True when a text names a secret.</summary>
    public static bool AreNamedIn(string text)
    {
        var words = WordsOf(text, out var joined);
        for (var i = 0; i < words.Count; i++)
        {
            if (Words.Contains(words[i])) return true;
            if (i > 0 && Pairs.Contains($"{words[i - 1]} {words[i]}")) return true;
        }
        return Array.Exists(Anywhere, word => joined.Contains(word, StringComparison.Ordinal));
    }

    private static bool IsAskedForBy(JsonElement schema, ref bool hasFreeField, int depth)
    {
        if (depth > MaxDepth) return true; // forms are flat; what is nested so deep hides something
        foreach (var member in schema.EnumerateObject())
        {
            // Forms are flat (2025-11-25, "Elicitation"): a schema that says elsewhere what its fields are hides them from whoever judges it.
            if (Indirect.Contains(member.Name) && !IsChoice(member)) return true;
            if (!member.NameEquals("properties") || member.Value.ValueKind != JsonValueKind.Object) continue;
            foreach (var field in member.Value.EnumerateObject())
            {
                if (field.Value.ValueKind != JsonValueKind.Object) continue;
                if (IsAskedForBy(field.Value, ref hasFreeField, depth + 1)) return true;
                if (!IsFree(field.Value)) continue;
                hasFreeField = true;
                if (AreNamedIn(field.Name) || field.Value.EnumerateObject().Any(about => IsTelling(about) && AreNamedIn(TextOf(about.Value)))) return true;
            }
        }
        return false;
    }

    private static bool IsTelling(JsonProperty about) => about.Value.ValueKind == JsonValueKind.String && about.Name is ("title" or "description" or "format");

    /// <summary>A field that takes any text or number, or a list of such.</summary>
    private static bool IsFree(JsonElement field)
    {
        foreach (var member in field.EnumerateObject())
        {
            if (member.NameEquals("const") || IsChoice(member) || (member.NameEquals("enum") && member.Value.ValueKind == JsonValueKind.Array && member.Value.GetArrayLength() > 0)) return false;
        }
        if (!field.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String) return true;
        return type.GetString() switch
        {
            "boolean" or "object" or "null" => false,
            "array" => !field.TryGetProperty("items", out var items) || items.ValueKind != JsonValueKind.Object || IsFree(items),
            _ => true,
        };
    }

    /// <summary>Alternatives of which each is one value: a list to choose from.</summary>
    private static bool IsChoice(JsonProperty member) =>
        member.Name is "oneOf" or "anyOf" && member.Value.ValueKind == JsonValueKind.Array && member.Value.GetArrayLength() > 0
        && member.Value.EnumerateArray().All(each => each.ValueKind == JsonValueKind.Object && each.TryGetProperty("const", out _));

    private static bool AsksFor(JsonElement message)
    {
        var words = WordsOf(TextOf(message), out _);
        for (var i = 0; i < words.Count; i++)
        {
            if (!Asking.Contains(words[i])) continue;
            for (var j = i + 1; j < words.Count && j <= i + Soon; j++)
            {
                if (Words.Contains(words[j]) || Pairs.Contains($"{words[j - 1]} {words[j]}")) return true;
            }
        }
        return false;
    }

    private static string TextOf(JsonElement value)
    {
        try
        {
            return value.GetString() ?? "";
        }
        catch (InvalidOperationException)
        {
            return "password"; // half of a surrogate pair: cannot be read, so it counts as the worst
        }
    }

    /// <summary>The words of a text, folded, split at capitals and at what is no letter or digit.</summary>
    private static List<string> WordsOf(string text, out string joined)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var all = new StringBuilder(text.Length);
        var afterLower = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (LetterFold.Of(rune) is not { } letter) continue;
            if (!Rune.IsLetterOrDigit(letter))
            {
                End();
                continue;
            }
            if (afterLower && Rune.IsUpper(rune)) End();
            afterLower = Rune.IsLower(rune) || Rune.IsDigit(rune);
            word.Append(letter);
        }
        End();
        joined = all.ToString();
        return words;

        void End()
        {
            if (word.Length > 0)
            {
                words.Add(word.ToString());
                all.Append(word);
            }
            word.Clear();
            afterLower = false;
        }
    }
}
