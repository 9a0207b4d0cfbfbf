using System.Collections.Immutable;

namespace Postern.Protocols;

/// <summary>What a protocol's recorded replies say, for whoever reads a recording. A closed set.</summary>
public abstract class ReplayItem
{
    private ReplayItem()
    {
    }

    /// <summary>Rows under names.</summary>
    /// <param name="columns">Names, in order.</param>
    /// <param name="rows">Each with a value per column, as text; null for NULL.</param>
    public sealed class Grid(ImmutableArray<string> columns, IReadOnlyList<string?[]> rows) : ReplayItem
    {
        /// <summary>Names, in order.</summary>
        public ImmutableArray<string> Columns { get; } = columns;

        /// <summary>Each with a value per column, as text; null for NULL.</summary>
        public IReadOnlyList<string?[]> Rows { get; } = rows;
    }

    /// <summary>One thing that was said beside rows.</summary>
    /// <param name="kind">What it is: <c>completed</c>, <c>error</c>, <c>notice</c>, <c>setting</c>.</param>
    /// <param name="text">In the target's words.</param>
    public sealed class Said(string kind, string text) : ReplayItem
    {
        /// <summary>What it is.</summary>
        public string Kind { get; } = kind;

        /// <summary>In the target's words.</summary>
        public string Text { get; } = text;
    }
}
