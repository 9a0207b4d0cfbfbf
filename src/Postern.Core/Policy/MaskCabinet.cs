using System.Collections.Concurrent;
using System.Collections.Immutable;
using Postern.Core.Masking;

namespace Postern.Core.Policy;

/// <summary>Compiles each set of masks once. Bounded: the sets come from the policy, but their number grows with its masks.</summary>
internal sealed class MaskCabinet
{
    private const int MaxKept = 4096;

    private readonly ImmutableArray<Mask> _masks;
    private readonly ReadOnlyMemory<byte> _hashKey;
    private readonly ConcurrentDictionary<(ulong Caller, ulong Record), MaskPlan> _plans = new();

    /// <exception cref="ArgumentException">A mask hashes and the key is too short.</exception>
    public MaskCabinet(ImmutableArray<Mask> masks, ReadOnlyMemory<byte> hashKey)
    {
        _masks = masks;
        _hashKey = hashKey;
        // All together, once, when the policy is loaded: a mask that does not compile must not be found by a reply.
        if (!masks.IsEmpty) Compile(ulong.MaxValue >> (MaxMasks - masks.Length));
    }

    /// <summary>A set of masks is a bit per ordinal.</summary>
    public const int MaxMasks = 64;

    public MaskPlan Plan(ulong caller, ulong record)
    {
        if (record == 0) return MaskPlan.None;
        if (_plans.TryGetValue((caller, record), out var plan)) return plan;
        var forRecord = Compile(record);
        plan = new MaskPlan(caller == record ? forRecord : Compile(caller), forRecord);
        if (_plans.Count < MaxKept) _plans.TryAdd((caller, record), plan);
        return plan;
    }

    private Masker Compile(ulong set) => set == 0
        ? Masker.None
        : Masker.Compile([.. _masks.Where(mask => (set & (1UL << mask.Ordinal)) != 0).Select(mask => mask.Rule)], _hashKey.Span);
}
