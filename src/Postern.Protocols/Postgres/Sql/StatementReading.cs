using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>What a text was found to say: understood whole, or not at all.</summary>
internal abstract class StatementReading
{
    private StatementReading()
    {
    }

    /// <summary>Every statement is understood. A text without statements (blank, comments only) has none.</summary>
    public sealed class Understood(ImmutableArray<SqlStatement> statements) : StatementReading
    {
        public ImmutableArray<SqlStatement> Statements { get; } = statements;
    }

    /// <summary>What the text does cannot be told, so it is refused.</summary>
    public sealed class Undecidable(string reason, bool mayHelpToRefresh = false) : StatementReading
    {
        /// <summary>Lower case, no full stop; names what was not understood, never a value of the text.</summary>
        public string Reason { get; } = reason;

        /// <summary>True when a name was not found, so that a newer catalogue may make it readable: refresh once and read again.</summary>
        public bool MayHelpToRefresh { get; } = mayHelpToRefresh;
    }

    /// <summary>The grammar's own refusal (SQLSTATE 42601). The message may quote a word of the text.</summary>
    public sealed class Invalid(string message, int position) : StatementReading
    {
        public string Message { get; } = message;

        /// <summary>Counted in characters from 1, as in field <c>P</c> of an ErrorResponse; 0 when unknown.</summary>
        public int Position { get; } = position;
    }
}
