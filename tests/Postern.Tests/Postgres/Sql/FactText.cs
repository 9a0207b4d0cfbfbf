using System.Text;
using Postern.Core.Operations;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Tests.Postgres.Sql;

/// <summary>
/// Facts as the case files write them, one line for each statement: <c>kind | part; part | out column, column</c>.
/// A part is <c>word schema.table(columns) where</c>, <c>word *</c> when it is not bounded, <c>call schema.function</c>, or
/// <c>implied</c>. A column of the rows is its name, <c>a|b</c> for one of several, <c>~a+b</c> for an expression over some (<c>~</c>
/// alone for a constant), with <c>!</c> in front when it comes through a function of the database's own; <c>out ?</c> when nobody knows.
/// </summary>
internal static class FactText
{
    public static IReadOnlyList<string> Of(StatementReading reading) => reading switch
    {
        StatementReading.Understood understood => [.. understood.Statements.Select(Of)],
        StatementReading.Undecidable undecidable => [$"refused: {undecidable.Reason}"],
        StatementReading.Invalid invalid => [$"invalid: {invalid.Message}"],
        _ => throw new InvalidOperationException("no such reading"),
    };

    private static string Of(SqlStatement statement)
    {
        var text = new StringBuilder(statement.Kind).Append(" | ").AppendJoin("; ", statement.Parts.Select(Of));
        if (statement.MayReturnRows && statement.Output.IsDefault) text.Append(" | out ?");
        else if (statement.MayReturnRows && !statement.Output.IsEmpty) text.Append(" | out ").AppendJoin(", ", statement.Output.Select(Of));
        return text.ToString();
    }

    private static string Of(Part part)
    {
        if (part.IsImplied) return "implied";
        var word = part.FactOrEmpty(SqlVocabulary.Statement).Values[0];
        var function = part.FactOrEmpty(SqlVocabulary.Function);
        if (!function.IsEmpty && !function.IsAll) return word == StatementWords.Call ? $"call procedure {function.Values[0]}" : $"call {function.Values[0]}";
        var table = part.FactOrEmpty(SqlVocabulary.Table);
        if (table.IsAll) return word + " *";
        var name = table.Values[0];
        var columns = part.FactOrEmpty(SqlVocabulary.Column).Values;
        var text = $"{word} {name}{(columns.IsEmpty ? "" : $"({string.Join(" ", columns.Select(column => column[(name.Length + 1)..]))})")}";
        var variables = Encoding.UTF8.GetString(part.Variables.First(variable => variable.Name == SqlVocabulary.Sql).Json.Span);
        return variables.Contains("\"has_where\":true", StringComparison.Ordinal) ? text + " where" : text;
    }

    private static string Of(OutputColumn column)
    {
        var names = column.Origins.Select(origin => origin.Name);
        var text = column.Kind == OutputKind.Expression ? "~" + string.Join("+", names) : string.Join("|", names);
        return column.IsThroughFunction ? "!" + text : text;
    }
}
