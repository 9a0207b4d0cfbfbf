using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Cel;

/// <summary>What a condition came to.</summary>
internal enum Outcome
{
    False,
    True,

    /// <summary>It depends on what is not known yet.</summary>
    Unknown,
    Error,
}

/// <summary>A loaded <c>when</c>: parsed, typed, compiled. Immutable, safe for concurrent use, never throws.</summary>
internal sealed class CelCondition
{
    // What the checks and the evaluator walk by recursion; far from any thread's stack.
    private const int MaxDepth = 128;

    private readonly CelCode _code;
    private readonly int _locals;

    private CelCondition(CelNode root, CelCode code, int locals)
    {
        Root = root;
        _code = code;
        _locals = locals;
    }

    /// <summary>The parsed form, for checks.</summary>
    public CelNode Root { get; }

    /// <exception cref="CelException">It does not parse or type.</exception>
    public static CelCondition Load(string source, ImmutableArray<WhenVariable> variables)
    {
        var root = CelParser.Parse(source);
        if (CelWalk.Depth(root) > MaxDepth) throw new CelException(root.Offset, $"nested deeper than {MaxDepth} levels; use a list with `in`, or several rules");
        var code = CelCompiler.Compile(root, variables, out var locals);
        return new CelCondition(root, code, locals);
    }

    /// <summary>Evaluates; <paramref name="error"/> says what failed, without values, when the outcome is an error.</summary>
    public Outcome Evaluate(ref CelContext context, out string? error)
    {
        error = null;
        CelValue value;
        try
        {
            if (_locals > 0) context.Locals = new CelValue[_locals];
            value = _code(ref context);
            if (context.IsExhausted) value = CelValue.Error("the condition costs too much to evaluate");
        }
        catch (Exception unexpected) when (unexpected is System.Text.Json.JsonException or InvalidOperationException or ArgumentException or OverflowException or FormatException)
        {
            // JSON that its protocol let through but that cannot be read (an escaped lone surrogate, say): an error denies.
            value = CelValue.Error("a value cannot be read");
        }
        switch (value.Kind)
        {
            case CelKind.True when !value.IsOptional: return Outcome.True;
            case CelKind.False when !value.IsOptional: return Outcome.False;
            case CelKind.Unknown: return Outcome.Unknown;
            case CelKind.Error: error = value.Reference as string; return Outcome.Error;
            default: error = $"the condition came to {value.Name}"; return Outcome.Error;
        }
    }
}
