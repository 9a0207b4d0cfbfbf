using System.Collections.Concurrent;
using System.Collections.Immutable;
using Postern.Core.Masking;

namespace Postern.Core.Policy;

/// <summary>Compiles each set of masks once. Bounded: the sets come from the policy, but their number grows with its masks.</summary>
internal sealed class MaskCabinet(ImmutableArray<Mask> masks, ReadOnlyMemory<byte> hashKey)
{
    private const int MaxKept = 4096;

    private readonly ConcurrentDictionary<(ulong Caller, ulong Record), MaskPlan> _plans = new();

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
        : Masker.Compile([.. masks.Where(mask => (set & (1UL << mask.Ordinal)) != 0).Select(mask => mask.Rule)], hashKey.Span);
}
