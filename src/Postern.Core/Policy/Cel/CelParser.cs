using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Postern.Core.Policy.Cel;

/// <summary>Recursive descent over CEL's grammar. Depth and length are bounded, so that no condition can overflow the stack.</summary>
internal sealed class CelParser
{
    public const int MaxLength = 4096;
    private const int MaxDepth = 48;

    private static readonly string[] Reserved =
    [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
    ];

    private readonly List<CelToken> _tokens;
    private int _at;
    private int _depth;

    private CelParser(List<CelToken> tokens) => _tokens = tokens;

    public static CelNode Parse(string source)
    {
        if (source.Length > MaxLength) throw new CelException(0, $"the condition has {source.Length} characters; at most {MaxLength} are read");
        var parser = new CelParser(CelLexer.Read(source));
        var node = parser.Expression();
        if (parser.Current.Kind != CelTokenKind.End) throw new CelException(parser.Current.Offset, $"expected the end of the condition, found {parser.Current.Shown}");
        return node;
    }

    private CelToken Current => _tokens[_at];

    private CelNode Expression()
    {
        if (++_depth > MaxDepth) throw new CelException(Current.Offset, $"nested deeper than {MaxDepth} levels");
        var condition = Or();
        if (Current.Is("?"))
        {
            var offset = Current.Offset;
            _at++;
            var whenTrue = Or();
            Expect(":");
            condition = new CelNode.Conditional(offset, condition, whenTrue, Expression());
        }
        _depth--;
        return condition;
    }

    private CelNode Or() => LeftAssociative(And, "||");

    private CelNode And() => LeftAssociative(Relation, "&&");

    private CelNode Relation()
    {
        var left = Sum();
        while (Current.Is("==") || Current.Is("!=") || Current.Is("<") || Current.Is("<=") || Current.Is(">") || Current.Is(">=") || Current.IsWord("in"))
        {
            var symbol = Current;
            _at++;
            left = new CelNode.Binary(symbol.Offset, symbol.Text, left, Sum());
        }
        return left;
    }

    private CelNode Sum() => LeftAssociative(Product, "+", "-");

    private CelNode Product() => LeftAssociative(Unary, "*", "/", "%");

    private CelNode LeftAssociative(Func<CelNode> operand, params ReadOnlySpan<string> symbols)
    {
        var left = operand();
        var length = 0;
        while (Matches(symbols))
        {
            // A long chain is a deep tree on its left; the checker and the evaluator walk it by recursion.
            if (++length > 64) throw new CelException(Current.Offset, "more than 64 operators in a row; use a list with `in`, or several rules");
            var symbol = Current;
            _at++;
            left = new CelNode.Binary(symbol.Offset, symbol.Text, left, operand());
        }
        return left;
    }

    private bool Matches(ReadOnlySpan<string> symbols)
    {
        foreach (var symbol in symbols)
        {
            if (Current.Is(symbol)) return true;
        }
        return false;
    }

    private CelNode Unary()
    {
        if (!Current.Is("!") && !Current.Is("-")) return Member();
        if (++_depth > MaxDepth) throw new CelException(Current.Offset, $"nested deeper than {MaxDepth} levels");
        var symbol = Current;
        _at++;
        var operand = Unary();
        _depth--;
        if (symbol.Text == "-" && operand is CelNode.Literal { Value.Kind: CelKind.Number } number) return new CelNode.Literal(symbol.Offset, CelValue.Of(-number.Value.Number));
        return new CelNode.Unary(symbol.Offset, symbol.Text[0], operand);
    }

    private CelNode Member()
    {
        var node = Primary();
        for (var length = 0; ; length++)
        {
            if (length > 64) throw new CelException(Current.Offset, "more than 64 accesses in a row");
            if (Current.Is(".") || Current.Is(".?"))
            {
                var isOptional = Current.Is(".?");
                _at++;
                var name = Identifier("a field or function");
                if (!isOptional && Current.Is("(")) node = CelMacros.Expand(name.Offset, name.Text, node, Arguments());
                else node = new CelNode.Select(name.Offset, node, name.Text, isOptional, isTest: false);
            }
            else if (Current.Is("[") || Current.Is("[?"))
            {
                var open = Current;
                _at++;
                var key = Expression();
                Expect("]");
                node = new CelNode.Index(open.Offset, node, key, isOptional: open.Is("[?"));
            }
            else
            {
                return node;
            }
        }
    }

    private CelNode Primary()
    {
        var token = Current;
        switch (token.Kind)
        {
            case CelTokenKind.Number:
                _at++;
                var number = CelNumber.FromJson(Encoding.ASCII.GetBytes(token.Text.StartsWith('.') ? "0" + token.Text : token.Text));
                if (number.Kind != CelKind.Number) throw new CelException(token.Offset, $"`{token.Text}` has more than 28 digits");
                return new CelNode.Literal(token.Offset, number);
            case CelTokenKind.Text:
                _at++;
                return new CelNode.Literal(token.Offset, CelValue.Of(token.Text));
            case CelTokenKind.Identifier:
                return Word();
            default:
                break;
        }
        if (token.Is("("))
        {
            _at++;
            var inner = Expression();
            Expect(")");
            return inner;
        }
        if (token.Is("["))
        {
            _at++;
            return new CelNode.ListOf(token.Offset, Items("]"));
        }
        if (token.Is("{")) return MapLiteral();
        throw new CelException(token.Offset, $"expected a value, found {token.Shown}");
    }

    private CelNode Word()
    {
        var token = Current;
        switch (token.Text)
        {
            case "true": _at++; return new CelNode.Literal(token.Offset, CelValue.True);
            case "false": _at++; return new CelNode.Literal(token.Offset, CelValue.False);
            case "null": _at++; return new CelNode.Literal(token.Offset, CelValue.Null);
            default: break;
        }
        Identifier("a name");
        if (Current.Is("{")) throw new CelException(Current.Offset, "messages are not supported; write a map: `{'key': value}`");
        return Current.Is("(") ? CelMacros.Expand(token.Offset, token.Text, receiver: null, Arguments()) : new CelNode.Name(token.Offset, token.Text);
    }

    private CelToken Identifier(string expected)
    {
        var token = Current;
        if (token.Kind != CelTokenKind.Identifier || token.Text == "in") throw new CelException(token.Offset, $"expected {expected}, found {token.Shown}");
        if (Array.IndexOf(Reserved, token.Text) >= 0) throw new CelException(token.Offset, string.Create(CultureInfo.InvariantCulture, $"`{token.Text}` is a reserved word; write `['{token.Text}']` to read a field of that name"));
        _at++;
        return token;
    }

    private ImmutableArray<CelNode> Arguments()
    {
        Expect("(");
        return Items(")");
    }

    private ImmutableArray<CelNode> Items(string end)
    {
        var items = ImmutableArray.CreateBuilder<CelNode>();
        while (!Current.Is(end))
        {
            items.Add(Expression());
            if (!Current.Is(",")) break;
            _at++;
        }
        Expect(end);
        return items.DrainToImmutable();
    }

    private CelNode.MapOf MapLiteral()
    {
        var open = Current;
        _at++;
        var entries = ImmutableArray.CreateBuilder<KeyValuePair<CelNode, CelNode>>();
        while (!Current.Is("}"))
        {
            var key = Expression();
            Expect(":");
            entries.Add(new(key, Expression()));
            if (!Current.Is(",")) break;
            _at++;
        }
        Expect("}");
        return new CelNode.MapOf(open.Offset, entries.DrainToImmutable());
    }

    private void Expect(string symbol)
    {
        if (!Current.Is(symbol)) throw new CelException(Current.Offset, $"expected `{symbol}`, found {Current.Shown}");
        _at++;
    }
}
