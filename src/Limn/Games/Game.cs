using System.Runtime.InteropServices;
using Limn.Engine;

namespace Limn.Games;

/// <summary>
/// A cooperative game: players, and what each coalition of them is worth. A game asks its <see cref="IValueFunction"/> in batches, once for each
/// coalition, and counts what it asked.
/// </summary>
/// <remarks>
/// The values that are asked for are remembered up to <see cref="MostRemembered"/> coalitions; beyond that the memory begins anew, so that a long run takes no more.
/// </remarks>
public sealed class Game
{
    private const int BlockOf = 1024; // the most coalitions that are valued between two looks at cancellation

    private readonly IValueFunction function;
    private readonly CoalitionMemory memory;
    private readonly Coalitions missing;
    private readonly List<int> missingAt = [];
    private (double Empty, double Full)? ends;
    private readonly double? known;
    private double[] block = [];

    /// <param name="function">What coalitions are worth.</param>
    /// <param name="cancellation">Stops a long computation.</param>
    /// <param name="report">Is told the number of coalitions valued so far, and of those expected.</param>
    /// <param name="full">What everybody is worth together, where it is known already.</param>
    public Game(IValueFunction function, CancellationToken cancellation = default, Action<long, long>? report = null, double? full = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        this.function = function;
        Cancellation = cancellation;
        Report = report;
        memory = new CoalitionMemory(function.Players);
        missing = new Coalitions(function.Players);
        known = full;
        Begin();
    }

    public int Players => function.Players;

    /// <summary>How many draws the value of a coalition is the mean of.</summary>
    public int Draws => function.Draws;

    /// <summary>What a draw weighs in that mean; the weights add up to one.</summary>
    public double WeightOf(int draw) => function.Weights?[draw] ?? 1.0 / Draws;

    /// <summary>What nobody is worth: the score with all features absent.</summary>
    public double Empty => Ends.Empty;

    /// <summary>What everybody is worth together: the score as it is.</summary>
    public double Full => Ends.Full;

    /// <summary>The largest value seen so far, less the smallest: what a tolerance is measured by.</summary>
    public double Range => Highest - Lowest;

    /// <summary>The coalitions that were valued.</summary>
    public long Valued { get; private set; }

    /// <summary>How many coalitions are remembered at most; about 8 · (players / 64 + 2) bytes each.</summary>
    public int MostRemembered { get; init; } = 1 << 22;

    /// <summary>How many coalitions the solver expects to ask for, for the progress.</summary>
    public long Expected { get; set; }

    /// <summary>Which players belong together; null where nothing is known of that.</summary>
    public Hierarchy? Hierarchy { get; init; }

    public CancellationToken Cancellation { get; }

    private Action<long, long>? Report { get; }

    private double Lowest { get; set; } = double.PositiveInfinity;

    private double Highest { get; set; } = double.NegativeInfinity;

    /// <summary>What nobody is worth at each draw; <see cref="Empty"/> is their mean.</summary>
    public double[] EmptyAtDraws()
    {
        var nobody = new Coalitions(Players, Draws);
        for (int d = 0; d < Draws; d++) nobody.AddEmpty();
        double[] values = ValuesAt(nobody, [.. Enumerable.Range(0, Draws)]);
        ends ??= (Enumerable.Range(0, Draws).Sum(d => WeightOf(d) * values[d]), Values(new Coalitions(Players, 1).AddFull())[0]);
        return values;
    }

    /// <summary>A draw by chance, each as likely as it weighs.</summary>
    /// <param name="random">Where chance comes from.</param>
    /// <param name="at">Which of its numbers to take.</param>
    internal int RandomDraw(CounterRandom random, ulong at)
    {
        if (function.Weights is null) return random.Below(Draws, at);
        double left = random.Uniform(at);
        int draw = 0;
        while (draw < Draws - 1 && (left -= WeightOf(draw)) >= 0) draw++;
        return draw;
    }

    private (double Empty, double Full) Ends => ends ??= Values(new Coalitions(Players, 2).AddEmpty().AddFull()) is var v ? (v[0], v[1]) : default;

    /// <summary>The value of each coalition.</summary>
    /// <exception cref="OperationCanceledException">The computation was cancelled.</exception>
    public double[] Values(Coalitions coalitions)
    {
        ArgumentNullException.ThrowIfNull(coalitions);
        if (coalitions.Players != Players) throw new ShapeMismatchException($"The coalitions are of {coalitions.Players} players, and the game has {Players}.");
        var values = new double[coalitions.Count];
        int some = Math.Clamp(function.AtOnce, 1, BlockOf);
        for (int from = 0; from < values.Length; from += some) Values(coalitions, from, values.AsSpan(from, Math.Min(some, values.Length - from)));
        return values;
    }

    /// <summary>The value of each coalition at one of the draws that its value is the mean of. These are not remembered.</summary>
    /// <param name="coalitions">The coalitions.</param>
    /// <param name="draws">The draw of each, from 0 to <see cref="Draws"/> − 1.</param>
    public double[] ValuesAt(Coalitions coalitions, ReadOnlySpan<int> draws)
    {
        ArgumentNullException.ThrowIfNull(coalitions);
        Cancellation.ThrowIfCancellationRequested();
        var values = new double[coalitions.Count];
        function.EvaluateDraws(coalitions, draws, values);
        Note(values);
        return values;
    }

    private void Values(Coalitions coalitions, int from, Span<double> values)
    {
        Cancellation.ThrowIfCancellationRequested();
        if (memory.Count + values.Length > MostRemembered) Begin();
        Span<int> at = stackalloc int[BlockOf];
        missing.Clear();
        missingAt.Clear();
        for (int i = 0; i < values.Length; i++)
        {
            at[i] = memory.Find(coalitions[from + i], out bool isNew);
            if (!isNew) continue;
            missing.Add(coalitions[from + i]);
            missingAt.Add(at[i]);
        }
        if (missing.Count > 0) Evaluate();
        for (int i = 0; i < values.Length; i++) values[i] = memory[at[i]];
    }

    /// <summary>Forgets all but what was known from the start.</summary>
    private void Begin()
    {
        memory.Clear();
        if (known is { } full && Players > 0) memory[memory.Find(new Coalitions(Players, 1).AddFull()[0], out _)] = full;
    }

    private void Evaluate()
    {
        if (block.Length < missing.Count) block = new double[BlockOf];
        Span<double> values = block.AsSpan(0, missing.Count);
        try
        {
            function.Evaluate(missing, 0, values);
        }
        catch
        {
            Begin(); // what was not valued must not be remembered
            throw;
        }
        ReadOnlySpan<int> at = CollectionsMarshal.AsSpan(missingAt);
        for (int i = 0; i < values.Length; i++) memory[at[i]] = values[i];
        Note(values);
    }

    private void Note(ReadOnlySpan<double> values)
    {
        foreach (double v in values)
        {
            Lowest = Math.Min(Lowest, v);
            Highest = Math.Max(Highest, v);
        }
        Valued += values.Length;
        Report?.Invoke(Math.Min(Valued, Expected), Expected);
    }
}
