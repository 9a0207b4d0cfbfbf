using System.Text;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Cel;

/// <summary>Fields, items and <c>has</c>.</summary>
internal sealed partial class CelCompiler
{
    private CelPart Select(CelNode.Select node)
    {
        if (node.Target is CelNode.Name { Id: "who" or "connection" } subject && !IsLocal(subject.Id)) return SubjectField(subject, node);

        var target = Part(node.Target);
        var holder = target.Type.IsOptional ? target.Type.ItemOrAny : target.Type;
        if (holder.Kind is not (CelTypeKind.Any or CelTypeKind.Map)) throw new CelException(node.Offset, $"{holder} has no field `{node.Field}`");
        return Access(target, holder.Kind == CelTypeKind.Map ? holder.ItemOrAny : CelType.Any, CelValue.Of(node.Field), Encoding.UTF8.GetBytes(node.Field), node.IsOptional, node.IsTest, $"`{node.Field}` is absent");
    }

    private bool IsLocal(string name) => _locals.Exists(local => string.Equals(local.Name, name, StringComparison.Ordinal));

    private static CelPart SubjectField(CelNode.Name subject, CelNode.Select node)
    {
        var field = CelSubjects.Find(subject.Id, node.Field)
            ?? throw new CelException(node.Offset, $"`{subject.Id}` has no field `{node.Field}`{NearestWord.Hint(node.Field, CelSubjects.Names(subject.Id))}");
        return Finish(field.Type, field.Code, wasOptional: false, node.IsOptional, node.IsTest, CelValue.Error($"`{subject.Id}.{node.Field}` is absent"));
    }

    private CelPart Index(CelNode.Index node)
    {
        var target = Part(node.Target);
        var key = Part(node.Key);
        var holder = target.Type.IsOptional ? target.Type.ItemOrAny : target.Type;
        if (holder.Kind is not (CelTypeKind.Any or CelTypeKind.Map or CelTypeKind.List)) throw new CelException(node.Offset, $"{holder} has no items");
        if (holder.Kind == CelTypeKind.List && !key.Type.Meets(CelType.Number)) throw new CelException(node.Key.Offset, $"a list is read by a number, not by {key.Type}");
        if (node.Key is CelNode.Literal { Value: { Kind: CelKind.Text } name })
        {
            return Access(target, holder.ItemOrAny, name, Encoding.UTF8.GetBytes(name.AsText()), node.IsOptional, isTest: false, $"`{name.AsText()}` is absent");
        }

        var (targetCode, keyCode) = (target.Code, key.Code);
        CelValue Read(ref CelContext context)
        {
            context.Charge(1);
            var value = targetCode(ref context);
            if (value.IsStuck || value.Kind == CelKind.None) return value;
            var at = keyCode(ref context);
            return at.IsStuck ? at : CelOperators.At(value.Unwrapped(), at, ref context);
        }
        return Finish(holder.ItemOrAny, Read, target.Type.IsOptional, node.IsOptional, isTest: false, CelValue.Error("an item is absent"));
    }

    private static CelPart Access(CelPart target, CelType type, CelValue key, byte[] name, bool isOptional, bool isTest, string absent)
    {
        var code = target.Code;
        var noFields = CelValue.Error($"`{key.AsText()}` was asked of a value that has no fields");
        CelValue Read(ref CelContext context)
        {
            context.Charge(1);
            var value = code(ref context);
            if (value.IsStuck || value.Kind == CelKind.None) return value;
            if (value.Kind != CelKind.Map) return noFields;
            return value.IsRaw ? CelJson.Member(value.Json, name, ref context) : CelOperators.At(value.Unwrapped(), key, ref context);
        }
        return Finish(type, Read, target.Type.IsOptional, isOptional, isTest, CelValue.Error(absent));
    }

    // An access through an optional stays optional to its end: `a.?b.c` has no value when `b` is absent.
    private static CelPart Finish(CelType type, CelCode read, bool wasOptional, bool isOptional, bool isTest, CelValue absent)
    {
        if (isTest)
        {
            return new(CelType.Bool, (ref CelContext context) =>
            {
                var value = read(ref context);
                return value.IsStuck ? value : CelValue.Of(value.Kind != CelKind.None);
            });
        }
        if (wasOptional && !isOptional)
        {
            // A dynamic target may be an optional at run time only by a type that says so, which is this branch.
            return new(CelType.OptionalOf(type), (ref CelContext context) => Wrapped(read(ref context)));
        }
        if (isOptional) return new(CelType.OptionalOf(type.IsOptional ? type.ItemOrAny : type), (ref CelContext context) => Wrapped(read(ref context)));
        return new(type, (ref CelContext context) =>
        {
            var value = read(ref context);
            return value.Kind == CelKind.None ? absent : value;
        });
    }

    private static CelValue Wrapped(in CelValue value) => value.IsStuck ? value : value.AsOptional();
}
