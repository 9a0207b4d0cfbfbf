using System.Collections.Frozen;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>Which settings a session may change (SET, <c>set_config</c>) and what the others ask for.</summary>
internal static class Settings
{
    // Limits of one's own work, the look of values, one's own transactions. Nothing of it changes what a text means or who runs it.
    private static readonly FrozenSet<string> s_free = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "application_name", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "datestyle", "intervalstyle", "timezone", "extra_float_digits",
        "bytea_output", "client_min_messages", "default_transaction_isolation", "default_transaction_read_only", "default_transaction_deferrable", "transaction_isolation", "transaction_read_only",
        "transaction_deferrable");

    /// <summary>True when showing it needs no rule: settings of extensions and of applications may hold anything.</summary>
    public static bool IsShown(string name) => !name.Contains('.', StringComparison.Ordinal);

    /// <summary>Notes what setting asks for.</summary>
    /// <param name="name">As written.</param>
    /// <param name="value">Null when it is not a single constant.</param>
    /// <param name="facts">Where it is noted.</param>
    /// <exception cref="UndecidableException">It would change what names and texts mean, and with them every later judgement.</exception>
    public static void Set(string name, string? value, FactBook facts)
    {
        if (s_free.Contains(name)) return;
        switch (name.ToLowerInvariant())
        {
            case "client_encoding" when value is not null && value.Replace("-", "", StringComparison.Ordinal).ToUpperInvariant() is "UTF8" or "UNICODE":
            case "standard_conforming_strings" when value?.ToUpperInvariant() is "ON" or "TRUE" or "YES" or "1":
                return;
            case "client_encoding":
                throw new UndecidableException("`client_encoding` is `UTF8` through the gateway");
            case "standard_conforming_strings" or "search_path":
                throw new UndecidableException($"`{name.ToLowerInvariant()}` stays as it is, because it decides what a text means; write names with their schema");
            case "role" or "session_authorization":
                facts.UseAll(StatementWords.SetRole);
                return;
            default:
                facts.UseAll(StatementWords.Set);
                return;
        }
    }
}
