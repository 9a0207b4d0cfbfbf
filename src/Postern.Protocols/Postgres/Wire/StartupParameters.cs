using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Wire;

/// <summary>
/// Which parameters a client may begin with (attack Q11). A fixed list, each with the form of its value: whatever else there is could
/// change what names mean or how texts are read, and is refused by name.
/// </summary>
internal static class StartupParameters
{
    private const int LongestName = 128;

    /// <summary>What of it the server is told, or a complaint that names what is refused.</summary>
    public static string? Check(ImmutableArray<KeyValuePair<string, string>> all, out string user, out string database, out string application, out ImmutableArray<KeyValuePair<string, string>> settings)
    {
        (user, database, application) = ("", "", "");
        settings = [];
        var passed = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        List<string>? refused = null;
        foreach (var (name, value) in all)
        {
            switch (name)
            {
                case "user":
                    user = value;
                    break;
                case "database":
                    database = value;
                    break;
                case "application_name" when value.Length <= LongestName:
                    application = value;
                    passed.Add(new(name, value));
                    break;
                case "client_encoding" when IsUtf8(value):
                    break;
                default:
                    if (IsSafe(name, value)) passed.Add(new(name, value));
                    else (refused ??= []).Add(name.Length <= LongestName ? name : name[..LongestName]);
                    break;
            }
        }
        if (refused is not null) return $"the startup parameters {string.Join(", ", refused.Select(name => $"`{name}`"))} are not carried, or not with this value; leave them out";
        if (user.Length == 0) return "the startup message names no user";
        // What PostgreSQL does: a missing database has the user's name.
        if (database.Length == 0) database = user;
        settings = passed.DrainToImmutable();
        return null;
    }

    /// <summary>True for settings that change only how values look, or how long things may take.</summary>
    public static bool IsSafe(string name, string value) => name.ToLowerInvariant() switch
    {
        "datestyle" => IsWords(value, ", "),
        "timezone" => IsWords(value, "/+-_:."),
        "intervalstyle" => IsWords(value, "_"),
        "extra_float_digits" => int.TryParse(value, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out var digits) && digits is >= -15 and <= 3,
        "statement_timeout" or "lock_timeout" or "idle_in_transaction_session_timeout" => IsWords(value, " ") && value.Length <= 16,
        _ => false,
    };

    private static bool IsUtf8(string value) => value.Trim('\'', '"').ToUpperInvariant() is "UTF8" or "UTF-8" or "UNICODE";

    private static bool IsWords(string value, string others)
    {
        if (value.Length is 0 or > 64) return false;
        foreach (var character in value)
        {
            if (!char.IsAsciiLetterOrDigit(character) && !others.Contains(character)) return false;
        }
        return true;
    }
}
