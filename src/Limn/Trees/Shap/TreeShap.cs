using Limn.Engine;

namespace Limn.Trees.Shap;

/// <summary>Exact Shapley (or Banzhaf) values and interactions of the margins, predictions or losses of a tree ensemble.</summary>
/// <remarks>
/// The worth of a coalition of present features is the mean output over what absent ones might be: <see cref="TreeShapKind"/>. Values add up to the output less its
/// expected value, which is checked. Lundberg et al.: From local explanations to global understanding with explainable AI for trees, 2020; how they are
/// computed: <see cref="LeafTable"/> and <see cref="QuadratureTree{T}"/>. Sums run in double precision over tables of single precision.
/// <para>
/// Probabilities and losses are explained as shap does it: the values of the margin against one background row are multiplied by the slope of the secant between
/// both rows' margins, and averaged over the background. That is not the Shapley value of the game of probabilities: it adds up, but a feature's value
/// follows its effect on the margin. See <see cref="OutputLink"/>. The cost is that of the margin for each background row.
/// </para>
/// <para>
/// Beside shap: DART's weights, categorical splits and missing values count in both kinds; interventional interactions are the true ones and not zeros; the
/// expected value is known before the first row.
/// </para>
/// <code>var shap = new TreeShap(XgboostReader.Read("model.json"));
/// TreeShapValues values = shap.Explain(rows);    // values[row, feature], shap.ExpectedValue[0]</code>
/// </remarks>
public sealed class TreeShap
{
    private readonly TreeEnsemble model;
    private readonly TreeShapOptions options;
    private readonly Background? background;
    private readonly OutputLink link;
    private readonly double[] expected, backgroundMargins;
    private readonly TreeShapSolver singles, pairs;

    /// <exception cref="InvalidOptionException">The options contradict each other or the model.</exception>
    /// <exception cref="ShapeMismatchException">The background or cover rows are no whole number of rows.</exception>
    public TreeShap(TreeEnsemble model, TreeShapOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        (this.model, this.options) = (model, options ??= new TreeShapOptions());
        Kind = options.Kind ?? (options.Background.IsEmpty ? TreeShapKind.PathDependent : TreeShapKind.Interventional);
        background = Backgrounds(model, options, Kind);
        if (Kind == TreeShapKind.PathDependent && options.Output != ExplainedOutput.Margin)
            throw new InvalidOptionException($"Path-dependent values exist for the margin alone: a mean over the trees' covers says nothing of the mean {Describe(options.Output)}. Give background rows, for interventional values.");
        if (options.Output == ExplainedOutput.LogLoss && model.Transform is not (OutputTransform.Logistic or OutputTransform.Softmax))
            throw new InvalidOptionException($"The log-loss is that of logistic and softmax models, and this one's transform is {model.Transform}.");
        TreeGame game = Game(model, options, Kind, pairs: false);
        Players = PlayersOf(model.Features, options.Groups).Lists;
        link = new OutputLink(options.Output, model.Transform, model.TransformScale, model.Outputs);
        backgroundMargins = background is null ? [] : model.Margin(background.Values);
        expected = options.Output == ExplainedOutput.LogLoss ? [] : background is null ? MeanOfCovers(game) : MeanOfBackground([]);
        singles = new TreeShapSolver(game, model.Features, options);
        pairs = new TreeShapSolver(game with { Pairs = true }, model.Features, options);
    }

    public TreeShapKind Kind { get; }

    /// <summary>The features of each player.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Players { get; }

    /// <summary>The number of outputs that are explained: the model's; one for the log-loss of a softmax model.</summary>
    public int Outputs => link.Outputs;

    /// <summary>
    /// [outputs] What the output is with all players absent: the base score and the trees' means, weighted by cover; or the mean over the background. Empty for the
    /// log-loss, where it depends on the label: <see cref="TreeShapValues.ExpectedValues"/>.
    /// </summary>
    public ReadOnlySpan<double> ExpectedValue => expected;

    /// <summary>The values of rows [rows, features].</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="labels">For the log-loss, [rows, outputs]: between 0 and 1 for each logistic output, or the number of the class for softmax.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ShapeMismatchException">The rows are no whole number of rows, or the labels are not as many.</exception>
    /// <exception cref="InvalidDataException">A label is out of range.</exception>
    /// <exception cref="AdditivityException">The values do not add up.</exception>
    public TreeShapValues Explain(ReadOnlyMemory<float> rows, ReadOnlyMemory<float> labels = default, CancellationToken cancellation = default)
    {
        double[] sums = Solve(singles, rows, labels, out double[] margins, cancellation);
        return Result(sums, margins, labels.Span);
    }

    /// <summary>The interactions of rows, and their values.</summary>
    /// <inheritdoc cref="Explain"/>
    public TreeShapInteractions Interactions(ReadOnlyMemory<float> rows, ReadOnlyMemory<float> labels = default, CancellationToken cancellation = default)
    {
        double[] sums = Solve(pairs, rows, labels, out double[] margins, cancellation);
        int players = Players.Count, count = rows.Length / model.Features, slots = (players + players * (players - 1) / 2) * Outputs;
        var single = new double[checked(count * players * Outputs)];
        var matrix = new double[checked(count * players * players * Outputs)];
        for (int r = 0; r < count; r++)
        {
            ReadOnlySpan<double> of = sums.AsSpan(r * slots, slots), values = of[..(players * Outputs)];
            values.CopyTo(single.AsSpan(r * players * Outputs));
            Span<double> to = matrix.AsSpan(r * players * players * Outputs, players * players * Outputs);
            for (int k = 0, at = players * Outputs; k < players; k++)
            {
                for (int o = 0; o < Outputs; o++) to[(k * players + k) * Outputs + o] += values[k * Outputs + o];
                for (int l = 0; l < k; l++)
                {
                    for (int o = 0; o < Outputs; o++, at++)
                    {
                        to[(k * players + l) * Outputs + o] = to[(l * players + k) * Outputs + o] = of[at];
                        to[(k * players + k) * Outputs + o] -= of[at];
                        to[(l * players + l) * Outputs + o] -= of[at];
                    }
                }
            }
        }
        return new TreeShapInteractions(count, players, Outputs, matrix, Result(single, margins, labels.Span));
    }

    private double[] Solve(TreeShapSolver solver, ReadOnlyMemory<float> rows, ReadOnlyMemory<float> labels, out double[] margins, CancellationToken cancellation)
    {
        margins = model.Margin(rows, cancellation);
        int count = margins.Length / model.Outputs;
        CheckLabels(labels.Span, count);
        if (options.Output == ExplainedOutput.Margin)
        {
            var sums = new double[checked(count * solver.Game.Slots)];
            solver.Run(rows, sums, background, cancellation);
            return sums;
        }
        return new LinkedValues(link, background!, backgroundMargins).Run(solver, rows, margins, labels, model.Features, cancellation);
    }

    private TreeShapValues Result(double[] values, double[] margins, ReadOnlySpan<float> labels)
    {
        int rows = margins.Length / model.Outputs;
        double[] predictions = new double[rows * Outputs], expectedValues = new double[rows * Outputs];
        for (int r = 0; r < rows; r++)
        {
            ReadOnlySpan<float> own = labels.Slice(r * link.Labels, link.Labels);
            link.Apply(margins.AsSpan(r * model.Outputs, model.Outputs), own, predictions.AsSpan(r * Outputs, Outputs));
            (link.Labels > 0 ? MeanOfBackground(own) : expected).CopyTo(expectedValues.AsSpan(r * Outputs));
        }
        double error = options.Semivalue == Semivalue.Shapley ? Additivity.Check(values, Players.Count, Outputs, expectedValues, predictions, options.Tolerance) : double.NaN;
        return new TreeShapValues(rows, Players.Count, Outputs, values, predictions, expectedValues, error);
    }

    private double[] MeanOfCovers(TreeGame game)
    {
        double[] mean = model.BaseScore.ToArray();
        for (int o = 0; o < mean.Length; o++)
        {
            double[] means = TreeCovers.Means(game, o);
            for (int tree = 0; tree < game.Trees.Trees; tree++) mean[o] += means[game.Trees.Roots[tree]];
        }
        return mean;
    }

    private double[] MeanOfBackground(ReadOnlySpan<float> labels)
    {
        double[] mean = new double[Outputs], one = new double[Outputs];
        for (int b = 0; b < background!.Rows; b++)
        {
            link.Apply(backgroundMargins.AsSpan(b * model.Outputs, model.Outputs), labels, one);
            for (int o = 0; o < mean.Length; o++) mean[o] += background.Shares[b] * one[o];
        }
        return mean;
    }

    private void CheckLabels(ReadOnlySpan<float> labels, int rows)
    {
        if (labels.Length != (long)rows * link.Labels)
        {
            throw new ShapeMismatchException(link.Labels == 0
                ? $"{labels.Length} labels were given, but labels belong to the log-loss, and the {Describe(options.Output)} is explained."
                : $"The log-loss of {rows} rows needs {(long)rows * link.Labels} labels, {link.Labels} for each row, and {labels.Length} were given.");
        }
        bool classes = model.Transform == OutputTransform.Softmax;
        foreach (float y in labels)
        {
            if (classes ? !(y >= 0 && y < model.Outputs && y == MathF.Floor(y)) : !(y >= 0 && y <= 1))
                throw new InvalidDataException($"The label {y} is neither {(classes ? $"one of the classes 0 to {model.Outputs - 1}" : "0 nor 1, nor a probability between them")}.");
        }
    }

    private static string Describe(ExplainedOutput output) => output == ExplainedOutput.LogLoss ? "log-loss" : output == ExplainedOutput.Probability ? "probability" : "margin";

    /// <summary>The game of a model.</summary>
    internal static TreeGame Game(TreeEnsemble model, TreeShapOptions options, TreeShapKind kind, bool pairs)
    {
        FlatTrees trees = model.Flat;
        for (int t = 0; t < trees.Trees; t++)
        {
            if (trees.Depths[t] > TreeGame.DeepestTree)
                throw new InvalidOptionException($"Tree {t} has paths of {trees.Depths[t]} splits; trees are explained up to {TreeGame.DeepestTree}.");
        }
        int[] player = PlayersOf(model.Features, options.Groups).Of;
        var game = new TreeGame(trees, player, player.Max() + 1, model.Outputs, options.Semivalue, pairs);
        if (kind == TreeShapKind.Interventional) return game;
        CheckRows("cover rows", options.CoverRows, model.Features);
        double[]? cover = options.CoverRows.IsEmpty ? trees.Cover : TreeCovers.Count(trees, model.Features, options.CoverRows.Span);
        if (cover is null)
            throw new InvalidOptionException("The model does not say how many training rows passed its nodes (their cover), on which path-dependent values rest. Give background rows for interventional values, or cover rows, from which it is counted.");
        (double[] left, double[] right) = TreeCovers.Shares(trees, cover);
        return game with { LeftShare = left, RightShare = right };
    }

    private static (int[] Of, IReadOnlyList<int>[] Lists) PlayersOf(int features, IReadOnlyList<IReadOnlyList<int>> groups)
    {
        var of = new int[features];
        Array.Fill(of, -1);
        List<IReadOnlyList<int>> lists = [];
        foreach (IReadOnlyList<int> group in groups)
        {
            if (group.Count == 0) throw new InvalidOptionException($"Group {lists.Count} has no features.");
            foreach (int f in group)
            {
                if (f < 0 || f >= features) throw new InvalidOptionException($"Group {lists.Count} has the feature {f}, but the model has features 0 to {features - 1}.");
                if (of[f] >= 0) throw new InvalidOptionException($"Feature {f} is in group {of[f]} and again in group {lists.Count}; it may be in one.");
                of[f] = lists.Count;
            }
            lists.Add([.. group]);
        }
        for (int f = 0; f < features; f++)
        {
            if (of[f] >= 0) continue;
            of[f] = lists.Count;
            lists.Add([f]);
        }
        return (of, [.. lists]);
    }

    private static Background? Backgrounds(TreeEnsemble model, TreeShapOptions options, TreeShapKind kind)
    {
        if (kind == TreeShapKind.PathDependent) return null;
        CheckRows("background", options.Background, model.Features);
        int rows = options.Background.Length / model.Features;
        if (rows == 0) throw new InvalidOptionException("Interventional values need background rows; give some, or ask for path-dependent values.");
        IReadOnlyList<double> weights = options.BackgroundWeights;
        if (weights.Count == 0) return new Background(model.Features, options.Background, [.. Enumerable.Repeat(1.0 / rows, rows)]);
        if (weights.Count != rows) throw new InvalidOptionException($"There are {weights.Count} weights for {rows} background rows; give one for each, or none.");
        double sum = 0;
        foreach (double w in weights)
        {
            if (!(w >= 0) || double.IsInfinity(w)) throw new InvalidOptionException($"A background row has the weight {w}; it must be a finite number of at least 0.");
            sum += w;
        }
        if (!(sum > 0) || double.IsInfinity(sum)) throw new InvalidOptionException($"The weights of the background rows sum to {sum}; the sum must be a finite number above 0.");
        return new Background(model.Features, options.Background, [.. weights.Select(w => w / sum)]);
    }

    private static void CheckRows(string what, ReadOnlyMemory<float> rows, int features)
    {
        if (rows.Length % features != 0) throw new ShapeMismatchException($"The {what} of {rows.Length} numbers is not a whole number of rows of {features} features.");
    }
}
