using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>
/// What cannot be answered under masks of columns, and is refused before anything of it is forwarded: values computed from a masked column
/// (attack M10), rows of which nobody can tell where they come from, and copies of masked columns to where no mask is.
/// </summary>
internal static class MaskObjection
{
    private const string Select = PostgresActions.Prefix + StatementWords.Select;

    /// <summary>Asks of a unit; null when none of its statements could ever be objected to, as of most.</summary>
    public static Func<Masker, string?>? Of(ImmutableArray<UnitStatement> unit)
    {
        foreach (var step in unit)
        {
            if (MayConcern(step.Statement)) return Asking(unit);
        }
        return null;
    }

    // By itself, so that the many units that nobody asks of make no object for it.
    private static Func<Masker, string?> Asking(ImmutableArray<UnitStatement> unit) => masker => To(unit, masker);

    private static string? To(ImmutableArray<UnitStatement> unit, Masker masker)
    {
        if (!masker.MasksColumns) return null;
        foreach (var step in unit)
        {
            if (To(step.Statement, masker) is { } why) return why;
        }
        return null;
    }

    private static string? To(SqlStatement statement, Masker masker)
    {
        if (statement.Output.IsDefault && statement.MayReturnRows && Reaches(statement, masker) is { } reached) return $"It cannot be told what the rows of this statement hold, and the column `{reached}` is masked here.";
        for (var i = 0; !statement.Output.IsDefault && i < statement.Output.Length; i++)
        {
            var column = statement.Output[i];
            if (column.Kind != OutputKind.Expression) continue;
            foreach (var origin in column.Origins)
            {
                if (masker.MasksColumn(origin.Name)) return string.Create(CultureInfo.InvariantCulture, $"Result column {i + 1} is computed from the column `{origin.Name}`, which is masked here. Select the column by itself, or leave it out.");
            }
        }
        return IsCopy(statement) && MaskedRead(statement, masker) is { } copied ? $"This statement writes, and reads the column `{copied}`, which is masked here: its values could come to stand where no mask is." : null;
    }

    private static bool MayConcern(SqlStatement statement)
    {
        if (IsCopy(statement)) return true;
        if (statement.Output.IsDefault) return statement.MayReturnRows;
        foreach (var column in statement.Output)
        {
            if (column.Kind == OutputKind.Expression && !column.Origins.IsEmpty) return true;
        }
        return false;
    }

    /// <summary>Deleting reads columns, and puts them nowhere.</summary>
    private static bool IsCopy(SqlStatement statement)
    {
        foreach (var part in statement.Parts)
        {
            if (part.Action is PostgresActions.Prefix + StatementWords.Insert or PostgresActions.Prefix + StatementWords.Update or PostgresActions.Prefix + StatementWords.Merge
                or PostgresActions.Prefix + StatementWords.Create or PostgresActions.Prefix + StatementWords.Copy or PostgresActions.Prefix + StatementWords.Alter) return true;
        }
        return false;
    }

    private static string? MaskedRead(SqlStatement statement, Masker masker)
    {
        foreach (var part in statement.Parts)
        {
            if (part.Action != Select) continue;
            var columns = part.FactOrEmpty(SqlVocabulary.Column);
            if (columns.IsAll) return "*";
            if (Masked(columns, masker) is { } masked) return masked;
        }
        foreach (var column in statement.BeneathViews)
        {
            if (column == ViewReads.Untold || masker.MasksColumn(column)) return column;
        }
        return null;
    }

    /// <summary>A column itself, or one that it is inherited from.</summary>
    private static string? Masked(Fact columns, Masker masker)
    {
        foreach (var column in columns.Values)
        {
            if (masker.MasksColumn(column)) return column;
        }
        foreach (var column in columns.Beside)
        {
            if (masker.MasksColumn(column)) return column;
        }
        return null;
    }

    /// <summary>A masked column that the statement could reach, whatever it is; null when it surely reaches none.</summary>
    private static string? Reaches(SqlStatement statement, Masker masker)
    {
        foreach (var part in statement.Parts)
        {
            var columns = part.FactOrEmpty(SqlVocabulary.Column);
            var tables = part.FactOrEmpty(SqlVocabulary.Table);
            if (columns.IsAll || tables.IsAll || part.Action == PostgresActions.Prefix + StatementWords.Opaque || part.Action == PostgresActions.Call) return "*";
            if (Masked(columns, masker) is { } masked) return masked;
        }
        // What EXECUTE runs stands in the unit as a statement of its own, with an output of its own.
        return null;
    }
}
