using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>A parse tree in, statements with their facts out. Pure; what it does not know it refuses.</summary>
internal static class StatementTree
{
    // The parser's own limit of depth is the stack; this one keeps ours.
    private const int MaximumDepth = 3_000;

    /// <summary>Reads a whole tree.</summary>
    /// <param name="tree">The parser's JSON.</param>
    /// <param name="textLength">Bytes of the text, for where the last statement ends.</param>
    /// <param name="catalogue">What names mean.</param>
    public static StatementReading Read(ReadOnlyMemory<byte> tree, int textLength, Catalogue catalogue)
    {
        try
        {
            using var document = JsonDocument.Parse(tree, new JsonDocumentOptions { MaxDepth = MaximumDepth });
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw UndecidableException.Node("the tree");
            Tree.Only(root, "ParseResult", "version", "stmts");
            var statements = ImmutableArray.CreateBuilder<SqlStatement>();
            string? changed = null;
            foreach (var raw in Tree.Items(root, "stmts"))
            {
                Tree.Only(raw, "RawStmt", "stmt", "stmt_location", "stmt_len");
                // What the names of this statement mean is decided by one before it, which has not run yet.
                if (changed is not null) throw new UndecidableException($"a statement after `{changed}` in the same text cannot be judged; send them one by one");
                var start = Tree.Number(raw, "stmt_location");
                var length = Tree.Number(raw, "stmt_len");
                var statement = new StatementReader(catalogue).Read(Tree.Need(raw, "stmt"), start, length == 0 ? textLength - start : length);
                if (statement.WritesCatalogue || statement.ResetsSettings) changed = statement.Kind;
                statements.Add(statement);
            }
            return new StatementReading.Understood(statements.ToImmutable());
        }
        catch (UndecidableException undecidable)
        {
            return new StatementReading.Undecidable(undecidable.Message, undecidable.MayHelpToRefresh);
        }
        catch (JsonException)
        {
            return new StatementReading.Undecidable("the statement is nested too deeply, or its tree cannot be read");
        }
        catch (Exception fault) when (fault is InvalidOperationException or ArgumentException or IndexOutOfRangeException or KeyNotFoundException)
        {
            // A node of another make than the grammar's: only a worker that was taken over sends one.
            return new StatementReading.Undecidable("the tree of the statement is not what was expected");
        }
    }
}
