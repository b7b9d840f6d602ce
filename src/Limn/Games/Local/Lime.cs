using Limn.Engine;
using Limn.Models;

namespace Limn.Games.Local;

/// <summary>How far a changed copy is from the row.</summary>
public enum LocalDistance
{
    /// <summary>1 − the cosine of the angle between the two; a copy without any feature is at distance 1.</summary>
    Cosine,

    /// <summary>The length of the difference; of tables in standard deviations where they are not cut into bins.</summary>
    Euclidean,
}

/// <summary>LIME: the coefficients of a simple model of the score around the row.</summary>
/// <remarks>
/// Copies of the row are changed at random, scored, and weighted by π(z) = √exp(−d²/width²) with their distance d; φ are the coefficients of a linear model of the scores
/// on the copies' features. Ribeiro, Singh, Guestrin: "Why Should I Trust You?", KDD 2016, section 3 and algorithm 1; defaults of the authors' own program.
/// <list type="bullet">
/// <item>Players that come and go (elements, superpixels, words): each is absent in half of the copies, replaced by the baseline; a feature is 1 where its player is present.
/// Cosine distance, width 0.25, 1000 copies. Where there are no more coalitions than that, each is asked once and weighed as its share of the copies would be: nothing is left to chance.</item>
/// <item>A table with rows of data as its background (<see cref="Baseline.Background(IReadOnlyList{NdArray}, IReadOnlyList{double})"/>, two rows or more): columns are cut into bins
/// by the data (<see cref="Discretizer"/>). A copy's bin is drawn as often as data fall into it, its value from a normal distribution with the bin's mean and deviation, cut off at its ends; a
/// feature is 1 where the copy is in the row's bin. Euclidean distance, width 0.75 √features, 5000 copies, 10 features kept. Columns of at most two values, and those in
/// <see cref="Categorical"/>, are drawn from their values, and compared by them; groups of columns (<see cref="GameMethod.Mask"/>) are drawn together from a row of the data.
/// All rows share the copies, so that rows with the same target class are scored once.</item>
/// </list>
/// Differs from the authors' program in this: every number is a function of the seed; a longer run begins with the copies of a shorter one; bins that hold a single value give
/// that value instead of an error; and it is told how stable the strongest features are when the copies are drawn again (<see cref="LocalRegression"/>).
/// One player alone gets the whole change of the score.
/// </remarks>
[Method("lime", "LIME", "The coefficients of a linear model of the score, fitted to randomly changed copies of the row.",
    Source = "Ribeiro, Singh, Guestrin 2016, algorithm 1",
    Formula = "φ = argmin Σ_z π(z) (F(z) − φ₀ − Σφᵢ zᵢ)² + α Σφᵢ²",
    Cost = "(2 + samples × background) × forward",
    Axioms = Axioms.Sensitivity | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class Lime(IPredictor model) : GameMethod(model)
{
    private const int Copies = 1000, TableCopies = 5000, TableKeeps = 10;
    private const double CosineWidth = 0.25, EuclideanWidth = 0.75, LassoAlpha = 0.01;

    private volatile LocalTable? table;

    /// <summary>How many copies, the row itself among them; 1000 when null, 5000 for tables with data as their background.</summary>
    [Option("samples", "Changed copies of the row, the row itself among them; 1000 when left out, 5000 for tables with a background.")]
    public int? Samples { get; init; }

    /// <summary>How many features get a value; 0 for all. When null all, and 10 for tables with data as their background.</summary>
    [Option("keep", "How many features get a value; 0 for all. When left out all, and 10 for tables with a background.")]
    public int? Keep { get; init; }

    [Option("selection", "How those are selected: auto takes forward selection for up to 6 and the highest weights for more.")]
    public FeatureSelection Selection { get; init; } = FeatureSelection.Auto;

    /// <summary>Cosine when null, Euclidean for tables with data as their background.</summary>
    [Option("distance", "How far a copy is from the row: cosine when left out, euclidean for tables with a background.")]
    public LocalDistance? Distance { get; init; }

    /// <summary>The width of the kernel; for the cosine 0.25 when null, for the Euclidean distance 0.75 √features.</summary>
    [Option("width", "The kernel's width; when left out 0.25 for the cosine, and 0.75 times the root of the number of features for the euclidean distance.")]
    public double? Width { get; init; }

    [Option("surrogate", "The simple model.")]
    public SurrogateKind Surrogate { get; init; } = SurrogateKind.Ridge;

    /// <summary>The penalty α of the ridge (1 when null) or the lasso (0.01, on Σπ (…)² / (2Σπ) + α Σ|φᵢ|).</summary>
    [Option("alpha", "The penalty; when left out 1 for the ridge and 0.01 for the lasso.")]
    public double? Alpha { get; init; }

    [Option("depth", "The depth of the surrogate tree.")]
    public int Depth { get; init; } = 3;

    /// <summary>How columns of a table with data as its background become bins.</summary>
    [Option("discretizer", "How columns of a table with a background become bins; with none a feature is the column's value in standard deviations.")]
    public Discretizer Discretizer { get; init; } = Discretizer.Quartile;

    /// <summary>Without bins: whether copies lie around the row, or around the mean of the data (default).</summary>
    [Option("around", "Without bins: whether copies lie around the row instead of around the mean of the background.")]
    public bool Around { get; init; }

    /// <summary>Columns whose numbers stand for categories. Columns of at most two values always count as such.</summary>
    [Option("categorical", "Columns whose numbers stand for categories, by their index.")]
    public int[]? Categorical { get; init; }

    internal override bool IsAdditive => false;

    internal override string? NotInGraph => "It draws copies of the row at random, and fits a regression to their scores.";

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        int players = game.Players, copies = CopiesOr(Copies);
        LocalRegression regression = Regression(keeps: 0);
        double[] present = new double[players];
        Array.Fill(present, 1);
        if (players == 1)
            return new Solution([game.Full - game.Empty]) { Surrogate = new Surrogate(game.Empty, 1, game.Full, game.Full, 0) { Top = [new TopFeature(0, game.Full - game.Empty, 1)] } };
        bool all = players < 31 && 1 << players <= copies;
        Coalitions coalitions = all ? Every(players) : Drawn(players, copies, seed);
        game.Expected = coalitions.Count;
        var samples = new LocalSamples(players, coalitions.Count);
        game.Values(coalitions).CopyTo(samples.Scores);
        double[] bySize = [.. Enumerable.Range(0, players + 1).Select(s => Nearness(Binary(s, players, Distance ?? LocalDistance.Cosine), players, Distance ?? LocalDistance.Cosine) * (all ? (double)copies / coalitions.Count : 1))];
        for (int p = 0; p < players; p++)
        {
            Span<double> column = samples.Column(p);
            for (int k = 0; k < column.Length; k++) column[k] = Coalitions.Has(coalitions[k], p) ? 1 : 0;
        }
        for (int k = 0; k < coalitions.Count; k++) samples.Weights[k] = bySize[Coalitions.Size(coalitions[k])];
        return regression.Of(samples, present, game.Full, all ? null : seed);
    }

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        MethodResult result = TableOf(question) is { } data ? TableLime.Compute(question, this, data, r => PlayersOf(question, [question.Inputs[0].Rows(r, 1)], r)) : base.Compute(question);
        return result with { Remarks = [.. result.Remarks, .. SurrogateWords.Of(result.Players!)] };
    }

    /// <summary>The table of a background of data; it is made once, unless its bins depend on what is asked.</summary>
    private LocalTable? TableOf(Question question)
    {
        if (LocalTable.DataOf(question, Baseline) is not { } data) return null;
        if (Discretizer == Discretizer.Entropy) return new LocalTable(data, Discretizer, Categorical, new Lazy<int[]>(() => Decision.Labels(question, data)));
        return table ??= new LocalTable(data, Discretizer, Categorical, new Lazy<int[]>([]));
    }

    internal int CopiesOr(int otherwise)
    {
        int copies = Samples ?? otherwise;
        return copies > 1 ? copies : throw new InvalidOptionException($"LIME needs at least 2 copies, and {copies} were given. Raise the samples.");
    }

    internal int CopiesOfTable => CopiesOr(TableCopies);

    /// <summary>The regression of a table.</summary>
    internal LocalRegression RegressionOfTable => Regression(TableKeeps);

    /// <summary>The weight of a copy: √exp(−d²/width²).</summary>
    internal double Nearness(double distance, int features, LocalDistance measured)
    {
        double width = Width ?? (measured == LocalDistance.Cosine ? CosineWidth : EuclideanWidth * Math.Sqrt(features));
        return width > 0 ? Math.Exp(-distance * distance / (2 * width * width)) : throw new InvalidOptionException($"The kernel's width must be positive, and {width} was given.");
    }

    /// <summary>The distance of a copy that has so many of the row's features to the row, which has them all.</summary>
    internal static double Binary(int same, int features, LocalDistance measured) => measured == LocalDistance.Euclidean ? Math.Sqrt(features - same) : 1 - Math.Sqrt((double)same / features);

    private LocalRegression Regression(int keeps)
    {
        int keep = Keep ?? keeps;
        double alpha = Alpha ?? (Surrogate == SurrogateKind.Lasso ? LassoAlpha : 1);
        if (keep < 0) throw new InvalidOptionException($"The number of features to keep must be positive, or 0 for all, and {keep} was given.");
        if (!(alpha >= 0)) throw new InvalidOptionException($"The penalty alpha must not be negative, and {alpha} was given.");
        if (Depth < 1) throw new InvalidOptionException($"The tree's depth must be at least 1, and {Depth} was given.");
        return new LocalRegression { Keep = keep == 0 ? null : keep, Selection = Selection, Kind = Surrogate, Alpha = alpha, Depth = Depth };
    }

    private static Coalitions Every(int players)
    {
        var all = new Coalitions(players, 1 << players);
        for (uint bits = 0; bits < 1u << players; bits++) all.Add([bits]);
        return all;
    }

    /// <summary>The row itself, and coalitions that each player joins with probability one half.</summary>
    private static Coalitions Drawn(int players, int count, ulong seed)
    {
        var drawn = new Coalitions(players, count).AddFull();
        var random = new CounterRandom(seed);
        Span<ulong> words = new ulong[drawn.Words];
        ulong last = drawn[0][^1];
        for (int k = 1; k < count; k++)
        {
            for (int w = 0; w < words.Length; w++) words[w] = random.Bits((ulong)k * (ulong)words.Length + (ulong)w);
            words[^1] &= last;
            drawn.Add(words);
        }
        return drawn;
    }
}
