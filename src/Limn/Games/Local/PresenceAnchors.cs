using Limn.Engine;

namespace Limn.Games.Local;

/// <summary>Anchors of players that are present: each other player is absent with probability one half.</summary>
/// <param name="game">The game.</param>
/// <param name="cutoff">Which value decides: the decision is whether a coalition is worth as much.</param>
/// <param name="seed">The seed.</param>
internal sealed class PresenceAnchors(Game game, double cutoff, ulong seed) : IAnchorSampler
{
    public int Conditions => game.Players;

    public bool Adds(ReadOnlySpan<int> anchor, int condition) => !anchor.Contains(condition);

    public double Coverage(ReadOnlySpan<int> anchor) => Math.Pow(2, -anchor.Length);

    public double[] Draw(IReadOnlyList<(int[] Anchor, int Count)> anchors, long first)
    {
        int total = anchors.Sum(a => a.Count);
        var coalitions = new Coalitions(game.Players, total + 1).AddFull();
        Span<ulong> words = new ulong[coalitions.Words];
        ulong last = coalitions[0][^1];
        coalitions.Clear();
        int[] draws = new int[total];
        foreach (var (anchor, count) in anchors)
            for (int i = 0; i < count; i++)
            {
                var random = new CounterRandom(seed, (ulong)(first + coalitions.Count));
                draws[coalitions.Count] = game.RandomDraw(random, (ulong)words.Length);
                for (int w = 0; w < words.Length; w++) words[w] = random.Bits((ulong)w);
                words[^1] &= last;
                coalitions.Add(words);
                foreach (int player in anchor) coalitions.Join(player);
            }
        double[] values = game.Draws == 1 ? game.Values(coalitions) : game.ValuesAt(coalitions, draws);
        bool own = game.Full >= cutoff;
        return Array.ConvertAll(values, v => v >= cutoff == own ? 1.0 : 0);
    }
}

/// <summary>Whether the model decides for a coalition as it does for the row: 1 if so, 0 if not.</summary>
internal sealed class DecisionGame(Decision decision, int row, IMasker masker, int portion) : IValueFunction
{
    private readonly NdArray[] room = masker.Room(portion);

    public int Players => masker.Players;

    public int Draws => masker.Draws;

    public IReadOnlyList<double>? Weights => masker.Weights;

    public void Evaluate(Coalitions coalitions, int from, Span<double> values)
    {
        values.Clear();
        var some = new Coalitions(Players, values.Length);
        for (int i = 0; i < values.Length; i++) some.Add(coalitions[from + i]);
        int[] draws = new int[values.Length];
        var same = new double[values.Length];
        for (int d = 0; d < Draws; d++)
        {
            Array.Fill(draws, d);
            EvaluateDraws(some, draws, same);
            for (int i = 0; i < same.Length; i++) values[i] += same[i] * (masker.Weights?[d] ?? 1.0 / Draws);
        }
    }

    public void EvaluateDraws(Coalitions coalitions, ReadOnlySpan<int> draws, Span<double> values)
    {
        for (int start = 0; start < values.Length; start += portion)
        {
            int count = Math.Min(portion, values.Length - start);
            for (int i = 0; i < count; i++) masker.Write(coalitions[start + i], draws[start + i], 1, room, i);
            decision.Same(row, First(count), values.Slice(start, count));
        }
    }

    private NdArray[] First(int count) => count == portion ? room : Array.ConvertAll(room, r => r.Rows(0, count));
}
