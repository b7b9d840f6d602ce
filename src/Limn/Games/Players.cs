using Limn.Engine;

namespace Limn.Games;

/// <summary>The players of one row: which elements come and go together.</summary>
/// <param name="Of">For each explained tensor, the player of each element of a row; −1 for elements that always stay.</param>
/// <param name="Count">How many players there are.</param>
public sealed record Players(IReadOnlyList<int[]> Of, int Count)
{
    /// <summary>What each player is called, where that is known.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>Which players belong together, where that is known.</summary>
    public Hierarchy? Hierarchy { get; init; }

    /// <summary>The text whose parts are the players, where they are; null otherwise.</summary>
    public TextParts? Text { get; init; }

    /// <summary>What a player is called: its name, or "feature" and its number.</summary>
    public string NameOf(int player) => Names?[player] ?? $"feature {player}";

    /// <summary>Each element on its own.</summary>
    /// <param name="row">The tensors of a row.</param>
    /// <param name="stays">Which tensors always stay.</param>
    public static Players Elements(IReadOnlyList<NdArray> row, Func<int, bool>? stays = null)
    {
        ArgumentNullException.ThrowIfNull(row);
        int count = 0;
        int[][] of = [.. row.Select((x, i) =>
        {
            var players = new int[x.Length];
            for (int e = 0; e < players.Length; e++) players[e] = stays?.Invoke(i) == true ? -1 : count++;
            return players;
        })];
        return new Players(of, count);
    }

    /// <summary>Groups of elements, by their ids: elements with the same id are one player, also in different tensors. Players are in the order of the ids.</summary>
    /// <param name="row">The tensors of a row.</param>
    /// <param name="masks">The id of each element, for each tensor: of one row.</param>
    /// <exception cref="ShapeMismatchException">A mask does not fit its tensor.</exception>
    /// <exception cref="InvalidDataException">An id is no whole number.</exception>
    public static Players Groups(IReadOnlyList<NdArray> row, IReadOnlyList<NdArray> masks)
    {
        ArgumentNullException.ThrowIfNull(row);
        ArgumentNullException.ThrowIfNull(masks);
        if (masks.Count != row.Count) throw new ShapeMismatchException($"{masks.Count} masks were given for {row.Count} inputs.");
        long[][] ids = [.. masks.Select((m, i) => m.Length == row[i].Length ? IdsOf(m)
            : throw new ShapeMismatchException($"The mask has the shape {NdArray.Describe(m.Dims)}; it must be that of one row of what is explained, {NdArray.Describe(row[i].Dims[1..])}, or of all rows."))];
        long[] distinct = [.. ids.SelectMany(i => i).Distinct().Order()];
        return new Players([.. ids.Select(i => Array.ConvertAll(i, id => Array.BinarySearch(distinct, id)))], distinct.Length);
    }

    /// <summary>The players without those for which <paramref name="dropped"/> holds, whose elements always stay.</summary>
    /// <param name="dropped">Whether a player is left out.</param>
    /// <param name="kept">Where each remaining player stood before.</param>
    internal Players Without(bool[] dropped, out int[] kept)
    {
        kept = [.. Enumerable.Range(0, Count).Where(p => !dropped[p])];
        if (kept.Length == Count) return this;
        var now = new int[Count];
        Array.Fill(now, -1);
        for (int i = 0; i < kept.Length; i++) now[kept[i]] = i;
        int[] names = kept;
        return new Players([.. Of.Select(o => Array.ConvertAll(o, p => p < 0 ? -1 : now[p]))], kept.Length) { Names = Names is null ? null : [.. names.Select(k => Names[k])], Hierarchy = Hierarchy?.Only(names) };
    }

    /// <summary>The parts of a text as players; whatever else the row holds stays.</summary>
    /// <param name="row">The tensors of a row, one of them a single text.</param>
    /// <param name="text">The text and its parts.</param>
    internal static Players OfText(IReadOnlyList<NdArray> row, TextParts text) => new([.. row.Select(x =>
    {
        var none = new int[x.Length];
        Array.Fill(none, -1);
        return none;
    })], text.Parts.Count)
    {
        Text = text,
        Names = [.. Enumerable.Range(0, text.Parts.Count).Select(p => text[p])],
        Hierarchy = text.Hierarchy(),
    };

    /// <summary>Gives every element its player's number; elements that always stay get zero. In place of a text stand the numbers of its parts, [1, parts].</summary>
    internal NdArray[] Spread(double[] values, IReadOnlyList<NdArray> row) => [.. row.Select((x, i) =>
    {
        if (Text is not null && x.Type == ElementType.String) return new NdArray(Array.ConvertAll(values, v => (float)v), 1, Count);
        NdArray spread = NdArray.Create(ElementType.Float, x.Dims.ToArray());
        for (int e = 0; e < spread.Length; e++) spread.Floats[e] = Of[i][e] < 0 ? 0 : (float)values[Of[i][e]];
        return spread;
    })];

    private static long[] IdsOf(NdArray mask)
    {
        if (mask.Type.IsInteger()) return mask.Integers.ToArray();
        if (mask.Type.Storage() != Storage.Float) throw new InvalidDataException($"The mask holds {mask.Type} elements; group ids are whole numbers.");
        return Array.ConvertAll(mask.Floats.ToArray(), v => float.IsInteger(v) ? (long)v : throw new InvalidDataException($"The mask holds {v}; group ids are whole numbers."));
    }
}
