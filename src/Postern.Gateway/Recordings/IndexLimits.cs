using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Recordings;

/// <summary>How much the index takes at once.</summary>
/// <param name="ChunkOperations">Operations in a chunk; at most <see cref="SlotSet.Size"/>.</param>
/// <param name="ChunkPairs">Terms of all its operations together, beyond which a chunk is closed early: what is open is compared one by one, and held in memory for that.</param>
/// <param name="RecordsPerTransaction">Records that are taken in one transaction.</param>
internal sealed record IndexLimits(int ChunkOperations = SlotSet.Size, int ChunkPairs = 2 * 1024 * 1024, int RecordsPerTransaction = 12_000);
