using System.Runtime.InteropServices;
using System.Text.Json;
using Postern.Core.Json;

namespace Postern.Core.Masking;

// JSON: one pass over its tokens; ranges that nothing touches are copied whole.
internal sealed partial class MaskRun
{
    // One for the frame, one for a document inside one of its strings.
    private readonly Space[] _spaces = [new(), new()];

    // The masker's paths, or none where they can lead nowhere in this document.
    private PathSet _paths = PathSet.None;

    // Where texts may hold something; null when nobody looked, and all may.
    private Detection.PlaceList? _suspects;

    // Where paths may lead to; null when nobody can say without following them.
    private Detection.PlaceList? _leads;

    // Fewer bytes than this are read as quickly as they are left out.
    private const int WorthSkipping = 24;

    // True when members and items without any such place are left out.
    private bool _maySkip;

    /// <summary>What is known of the value at one depth.</summary>
    [StructLayout(LayoutKind.Auto)]
    private struct Level
    {
        /// <summary>The strongest treatment that a path gives the value or something around it; 0 for none.</summary>
        public int Rank;

        /// <summary>Neither changed nor read, nor anything in it.</summary>
        public bool IsStructure;

        /// <summary>Not changed, nor anything in it; what a detector finds blocks the frame.</summary>
        public bool IsToken;

        /// <summary>No path leads here, nor into it.</summary>
        public bool IsDescription;

        /// <summary>Within a root: paths lead here, and names say what values are.</summary>
        public bool IsData;

        /// <summary>The name alone gave the treatment: then a boolean is no secret, it says that there is one.</summary>
        public bool IsByName;

        /// <summary>Bytes in base 64.</summary>
        public bool IsBlob;

        /// <summary>A data document of its own.</summary>
        public bool IsRoot;

        public bool IsArray;
        public bool HasPlaces;
        public bool HasPaths;
    }

    /// <summary>A document in hand: where it is copied from, and the state of both path sets at each depth.</summary>
    private ref struct Walk
    {
        public ReadOnlySpan<byte> Utf8;
        public PathSet Places;
        public Level[] Levels;
        public ulong[] PlaceStates;
        public ulong[] PathStates;
        public int Copied;

        public readonly Span<ulong> PlaceAt(int depth) => PlaceStates.AsSpan(depth * Places.Words, Places.Words);

        public readonly Span<ulong> PathAt(int depth, int words) => PathStates.AsSpan(depth * words, words);
    }

    private sealed class Space
    {
        public readonly Level[] Levels = new Level[MaxDepth + 1];
        public readonly Detection.PlaceList Suspects = new();
        public readonly Detection.PlaceList Leads = new();
        public ulong[] PlaceStates = [];
        public ulong[] PathStates = [];

        public static ulong[] Of(ref ulong[] states, int words)
        {
            if (states.Length < words * (MaxDepth + 1)) states = new ulong[words * (MaxDepth + 1)];
            return states;
        }
    }

    /// <summary>Masks one document; writes nothing when nothing in it changes.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public void Document(ReadOnlySpan<byte> utf8, FrameShape shape, ref MaskBuffer output) =>
        Documents(utf8, shape.Places.Paths, areMany: false, shape.IsRead, ref output);

    private void Documents(ReadOnlySpan<byte> utf8, PathSet places, bool areMany, bool isRead, ref MaskBuffer output)
    {
        _detectors = _masker.Detectors;
        var space = _spaces[_isEmbedded ? 1 : 0];
        (_suspects, _leads, _paths) = (null, null, _masker.Paths);
        if (_masker.IsScreened)
        {
            _suspects = space.Suspects;
            _detectors.Suspect(utf8, _suspects);
            space.Leads.Clear();
            if (_paths.TryFindLeads(utf8, isRead, space.Leads)) _leads = space.Leads;
            if (_leads is { IsEmpty: true }) _paths = PathSet.None;
        }
        // Where no text is suspect, no number can be a card either: both are looked for in the same bytes.
        if (_suspects is { IsEmpty: true } && _topRank == 0 && _paths.Words == 0)
        {
            if (!isRead) Check(utf8, areMany);
            return;
        }
        _maySkip = isRead && _suspects is not null && _leads is not null;
        var walk = new Walk
        {
            Utf8 = utf8,
            Places = places,
            Levels = space.Levels,
            PlaceStates = Space.Of(ref space.PlaceStates, places.Words),
            PathStates = Space.Of(ref space.PathStates, _paths.Words),
        };
        var tokens = new JsonTokens(utf8, areMany);
        do
        {
            if (_maySkip && tokens.Container is > 0 and var around && MaySkipIn(around - 1, ref walk))
            {
                var next = Math.Min(_suspects!.NextFrom(tokens.Place), _leads!.NextFrom(tokens.Place));
                if (next - tokens.Place >= WorthSkipping) tokens.GoTowards(next);
            }
            if (!tokens.Read()) break;
            Token(ref tokens, ref walk, ref output);
        }
        while (true);
        if (walk.Copied > 0) output.Write(utf8[walk.Copied..]);
    }

    /// <summary>True when what an array or object holds matters only where a place is named.</summary>
    private bool MaySkipIn(int depth, ref Walk walk)
    {
        ref var level = ref walk.Levels[depth];
        // INVARIANT: behind its last name a path leads on by position, which no search for names shows (`$..emails[*]`).
        return level.Rank == 0 && !(level.HasPaths && _paths.GoesOnWithoutName(walk.PathAt(depth, _paths.Words)));
    }

    private static void Check(ReadOnlySpan<byte> utf8, bool areMany)
    {
        var tokens = new JsonTokens(utf8, areMany);
        while (tokens.Read())
        {
            // That each is one is all that matters.
        }
    }

    /// <summary>False when the screen ruled out the bytes between these two.</summary>
    private bool IsSuspect(int start, int end) => _suspects is null || _suspects.IsWithin(start, end);

    /// <summary>False when no path can lead between these two.</summary>
    private bool IsLead(int start, int end) => _leads is null || _leads.IsWithin(start, end);

    private void Token(ref JsonTokens token, ref Walk walk, ref MaskBuffer output)
    {
        var depth = token.Depth;
        switch (token.Kind)
        {
            case JsonTokenType.PropertyName:
                Name(ref token, ref walk, ref output);
                return;
            case JsonTokenType.EndArray or JsonTokenType.EndObject:
                return;
        }
        if (depth == 0) EnterTop(ref walk);
        else if (walk.Levels[depth - 1].IsArray) EnterItem(ref walk, depth);
        ref var level = ref walk.Levels[depth];
        switch (token.Kind)
        {
            case JsonTokenType.StartArray or JsonTokenType.StartObject:
                level.IsArray = token.Kind == JsonTokenType.StartArray;
                break;
            case JsonTokenType.String when !level.IsStructure:
                Text(ref token, ref walk, level, ref output);
                break;
            case JsonTokenType.Number when !level.IsStructure:
                var rank = _detectors.RankOf(token.Value);
                if (rank > 0 && level.IsToken) throw TokenGivesAway();
                if (level.Rank > 0 || rank > 0) Substitute(ref token, ref walk, Treatment.Number, ref output);
                break;
            case JsonTokenType.True or JsonTokenType.False when level.Rank > 0 && !level.IsByName && !level.IsStructure:
                Substitute(ref token, ref walk, Treatment.Boolean, ref output);
                break;
        }
    }

    private void EnterTop(ref Walk walk)
    {
        ref var level = ref walk.Levels[0];
        level = default;
        level.Rank = _topRank;
        var places = walk.PlaceAt(0);
        places.Clear();
        walk.Places.Start(places);
        walk.PathAt(0, _paths.Words).Clear();
        level.HasPlaces = walk.Places.Words > 0;
        Settle(ref walk, 0);
    }

    private void EnterItem(ref Walk walk, int depth)
    {
        ref var array = ref walk.Levels[depth - 1];
        ref var level = ref walk.Levels[depth];
        level = Inherited(array);
        if (array.IsStructure) return;
        if (array.HasPlaces) level.HasPlaces = walk.Places.Item(walk.PlaceAt(depth - 1), walk.PlaceAt(depth));
        var words = _paths.Words;
        if (array.HasPaths) level.HasPaths = _paths.Item(walk.PathAt(depth - 1, words), walk.PathAt(depth, words));
        Settle(ref walk, depth);
    }

    private void Name(ref JsonTokens token, ref Walk walk, ref MaskBuffer output)
    {
        var depth = token.Depth;
        ref var parent = ref walk.Levels[depth - 1];
        ref var level = ref walk.Levels[depth];
        level = Inherited(parent);
        if (parent.IsStructure) return;
        var name = token.IsEscaped ? Unescape(token.Value) : token.Value;
        if (parent.HasPlaces) level.HasPlaces = walk.Places.Member(walk.PlaceAt(depth - 1), name, walk.PlaceAt(depth));
        var words = _paths.Words;
        if (parent.HasPaths) level.HasPaths = _paths.Member(walk.PathAt(depth - 1, words), name, walk.PathAt(depth, words));
        Settle(ref walk, depth);
        if (!_detectors.Any || level.IsStructure || !IsSuspect(token.Start, token.End)) return;

        if (level.IsData && _detectors.Secrets.Password > level.Rank && Detection.SecretWords.IsName(name))
        {
            level.IsByName |= level.Rank == 0;
            level.Rank = _detectors.Secrets.Password;
        }
        FindIn(name);
        if (_hits.Hits.IsEmpty) return;
        if (parent.IsToken) throw TokenGivesAway();
        CopyTo(token.Start + 1, ref walk, ref output);
        SpliceName(name, ref output);
        walk.Copied = token.Start + 1 + token.Value.Length;
    }

    /// <summary>Reads off what the states say of the value at this depth.</summary>
    private void Settle(ref Walk walk, int depth)
    {
        ref var level = ref walk.Levels[depth];
        var words = _paths.Words;
        var paths = walk.PathAt(depth, words);
        if (level.HasPlaces)
        {
            var place = walk.Places.Best(walk.PlaceAt(depth));
            level.IsStructure = ShapePlaces.IsStructure(place);
            level.IsToken |= ShapePlaces.IsToken(place);
            level.IsDescription |= ShapePlaces.IsDescription(place);
            level.IsBlob = ShapePlaces.IsBlob(place);
            level.IsRoot = ShapePlaces.IsRoot(place);
            if (level.IsRoot && words > 0)
            {
                // The slot may hold another value's state; a root inside a root begins every path anew and goes on with the old.
                if (!level.HasPaths) paths.Clear();
                _paths.Start(paths);
                level.HasPaths = true;
            }
        }
        level.IsData |= level.IsRoot;
        if (level.IsToken || level.IsDescription) (level.Rank, level.HasPaths, level.IsData) = (0, false, false);
        if (level.HasPaths && _paths.Best(paths) is > 0 and var best)
        {
            level.IsByName = false;
            level.Rank = Math.Max(level.Rank, best);
        }
    }

    private static Level Inherited(in Level parent) => new()
    {
        Rank = parent.Rank, IsStructure = parent.IsStructure, IsToken = parent.IsToken, IsDescription = parent.IsDescription, IsData = parent.IsData, IsByName = parent.IsByName,
    };

    private static MaskingException TokenGivesAway() => new("a token of the protocol, which cannot be masked, holds what a mask hides; blocked");

    private void Substitute(ref JsonTokens token, ref Walk walk, ReadOnlySpan<byte> replacement, ref MaskBuffer output)
    {
        CopyTo(token.Start, ref walk, ref output);
        output.Write(replacement);
        walk.Copied = token.Start + token.Value.Length;
        Count++;
    }

    private static void CopyTo(int end, ref Walk walk, ref MaskBuffer output)
    {
        output.Write(walk.Utf8[walk.Copied..end]);
        walk.Copied = end;
    }
}
