using Limn.Engine;
using Limn.Games;
using Limn.Models;
using Limn.Trees.Shap;

namespace Limn.Trees;

/// <summary>What <see cref="TreeShapMethod"/> gives for each feature.</summary>
public enum TreeValues
{
    /// <summary>Shapley values.</summary>
    Shapley,

    /// <summary>Banzhaf values, which do not add up.</summary>
    Banzhaf,

    /// <summary>Saabas' values, for comparison: <see cref="Shap.Saabas"/>.</summary>
    Saabas,
}

/// <summary>Tree SHAP: the exact Shapley values of an ensemble of trees, as a method beside all others.</summary>
/// <remarks>
/// The model is a <see cref="TreeEnsemble"/>, or an <see cref="OnnxModel"/> with trees in it (<see cref="OnnxTrees"/>), of which the trees' own features are explained. What is
/// computed, and how it differs from shap, says <see cref="TreeShap"/>. With a background the values are interventional, without one path-dependent. A model of several outputs, of
/// which no class is asked for, is explained whole: the attributions are then [rows, features, outputs], while players, prediction and expected value are those of the predicted
/// class. Features of a schema, or of a mask, are one player, and each of their columns gets the player's value.
/// </remarks>
[Method("tree-shap", "Tree SHAP", "The exact Shapley values of an ensemble of trees (XGBoost, LightGBM, CatBoost, scikit-learn and ML.NET through ONNX).",
    Source = "Lundberg et al. 2020; Yang 2022; Nadel, Wexler 2026",
    Formula = "φᵢ = Σ_S |S|! (M − |S| − 1)! / M! (v(S ∪ i) − v(S)), v(S) = E[F | x_S] by cover or over the background",
    Cost = "forward",
    NotApplicable = Axioms.All,
    NotApplicableBecause = "they are checked on networks, and this method explains trees; its values are complete, dummy and symmetric in the game of the trees.")]
public sealed class TreeShapMethod : PerturbationMethod
{
    private readonly ITreeModel? trees;

    /// <param name="model">A <see cref="TreeEnsemble"/>, or a network with trees in it.</param>
    public TreeShapMethod(IPredictor model) : this(model, model as ITreeModel ?? (model is OnnxModel network ? OnnxTreeModel.Of(network) : null))
    {
    }

    private TreeShapMethod(IPredictor model, ITreeModel? trees) : base((IPredictor?)trees ?? model) => this.trees = trees;

    /// <summary>What is explained of the model's output.</summary>
    [Option("output", "What is explained: the sum of the trees, the prediction made of it, or the loss against the right answers (--truth); the latter two need a background.")]
    public ExplainedOutput Output { get; init; }

    /// <summary>What the absence of a feature means; by whether there is a background when null.</summary>
    [Option("kind", "What absence means: by the training rows that went each way (path-dependent), or values of background rows (interventional); by whether there is a background when left out.")]
    public TreeShapKind? Kind { get; init; }

    /// <summary>Which values are computed.</summary>
    [Option("values", "Shapley values, Banzhaf values (which do not add up), or Saabas' values (fast, but unfair).")]
    public TreeValues Values { get; init; }

    /// <summary>Whether interactions of pairs are computed too.</summary>
    [Option("interactions", "Whether to compute what pairs of features add together: half of it beside the diagonal, main effects on it.")]
    public bool Interactions { get; init; }

    /// <summary>Whether the values of all outputs are given; when null, where the model has several and the predicted class is explained.</summary>
    [Option("all-outputs", "Whether attribution.npy holds all outputs of the model, [rows, features, outputs]; it does when left out unless --target asks for one.")]
    public bool? AllOutputs { get; init; }

    /// <summary>How the values are computed; all ways are exact.</summary>
    [Option("algorithm", "How the values are computed; all ways are exact.")]
    public TreeShapAlgorithm Algorithm { get; init; }

    /// <summary>What absent features are: rows whose values they take in turn. Null: path-dependent values.</summary>
    public Baseline? Background { get; init; }

    /// <summary>The group of each feature, of one row: features with the same number are one player. Null: each feature is one.</summary>
    public IReadOnlyList<NdArray>? Mask { get; init; }

    /// <summary>The right answer of each row, for the log-loss: 0, 1 or a probability between, or the number of the class.</summary>
    public IReadOnlyList<float>? Truth { get; init; }

    /// <summary>The trees that are explained; null where the model has none.</summary>
    public TreeEnsemble? Trees => trees?.Ensemble;

    internal override string? NotInGraph => "It reads the trees themselves, which are no operations.";

    internal override Target TargetFor(Target given, ExplainOptions options) => trees is not null ? given
        : throw NoTrees();

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        TreeEnsemble model = trees!.Ensemble;
        NdArray rows = trees.FeaturesOf(question.Inputs, question.Cancellation);
        Players players = PlayersOf(question.Schema(Mask), rows.Rows(0, 1));
        int count = question.Rows;
        TreeShapInteractions? pairs = null;
        TreeShapValues values;
        if (Values == TreeValues.Saabas)
        {
            if (Background is not null || Interactions || Output != ExplainedOutput.Margin || players.Count != model.Features)
                throw new InvalidOptionException("Saabas' values are path-dependent values of the margin, feature by feature: leave away --background, interactions, output, schema and mask.");
            values = Saabas.Explain(model, rows.FloatMemory, question.Cancellation);
        }
        else
        {
            TreeShap shap = Create(question.Inputs, model, players, question.Cancellation);
            ReadOnlyMemory<float> labels = Truth is null ? default : Truth.ToArray();
            if (Interactions) values = (pairs = shap.Interactions(rows.FloatMemory, labels, question.Cancellation)).Single;
            else values = shap.Explain(rows.FloatMemory, labels, question.Cancellation);
        }
        double[][] weights = [.. Enumerable.Range(0, count).Select(r => WeightsOf(question, r, values.Outputs))];
        bool all = AllOutputs ?? (values.Outputs > 1 && question.Readout.Classes is not null && question.TargetIsPredicted);
        double[] Weighted(double[] of) => [.. weights.Select((w, r) => Dot(of, r, 1, 0, w))];
        double[] prediction = Weighted(values.Predictions), expected = Weighted(values.ExpectedValues);
        PlayerValues[] played = [.. weights.Select((w, r) => new PlayerValues(players, new Solution([.. Enumerable.Range(0, values.Players).Select(p => Dot(values.Values, r, values.Players, p, w))])
        {
            Interactions = pairs is null ? null : [.. Enumerable.Range(0, values.Players * values.Players).Select(p => Dot(pairs.Values, r, values.Players * values.Players, p, w))],
        }))];
        bool adds = Values != TreeValues.Banzhaf;
        return new MethodResult([all ? Everything(values, players, model.Features) : OfTarget(played, model.Features)], prediction, expected,
            adds ? [.. played.Select((p, r) => p.Solution.Values.Sum() - (prediction[r] - expected[r]))] : null)
        {
            Players = played,
            ExpectedValue = adds,
            Remarks = [.. trees.Remarks, .. WhatIsExplained(model)],
        };
    }

    /// <summary>What this method computes with, with its options: for rows that come block by block (<see cref="TreeShapStream"/>).</summary>
    /// <param name="schema">Features whose columns are one player; null: each column is a player.</param>
    /// <returns>The explainer, and its players in their order.</returns>
    /// <exception cref="InvalidOptionException">The options contradict each other or the model, or the model has no trees.</exception>
    public (TreeShap Shap, Players Players) Explainer(Data.FeatureSchema? schema = null)
    {
        if (trees is null) throw NoTrees();
        if (Values == TreeValues.Saabas) throw new InvalidOptionException("Saabas' values are for comparison on some rows and are not streamed; leave values=saabas away, or explain fewer rows.");
        NdArray row = NdArray.Create(ElementType.Float, 1, trees.Ensemble.Features);
        Players players = PlayersOf(schema, row);
        return (Create([row], trees.Ensemble, players, default), players);
    }

    private TreeShap Create(IReadOnlyList<NdArray> inputs, TreeEnsemble model, Players players, CancellationToken cancellation)
    {
        ReadOnlyMemory<float> background = default;
        IReadOnlyList<double> weights = [];
        if (Background is { } given)
        {
            IReadOnlyList<NdArray> alternatives = given.RowsFor(inputs)
                ?? throw new InvalidOptionException($"tree-shap takes rows as its background, and the baseline '{given.Describe()}' changes with the row; give --background FILE.");
            ((ITakesMissing)model).CheckMissing(alternatives[0].Floats);
            background = trees!.FeaturesOf(alternatives, cancellation).FloatMemory;
            weights = given.Weights ?? [];
        }
        return new TreeShap(model, new TreeShapOptions
        {
            Kind = Kind,
            Background = background,
            BackgroundWeights = weights,
            Output = Output,
            Semivalue = Values == TreeValues.Banzhaf ? Semivalue.Banzhaf : Semivalue.Shapley,
            Groups = players.Count == model.Features ? [] : [.. Enumerable.Range(0, players.Count).Select(p => (IReadOnlyList<int>)[.. Enumerable.Range(0, model.Features).Where(f => players.Of[0][f] == p)])],
            Algorithm = Algorithm,
            Threads = model.Threads,
        });
    }

    private Players PlayersOf(Data.FeatureSchema? schema, NdArray row)
    {
        TreeEnsemble model = trees!.Ensemble;
        Players players = schema is not null ? schema.PlayersOf([row]) : Mask is { } mask ? Players.Groups([row], mask) : Players.Elements([row]);
        // Each feature on its own, in the order of the columns, whatever the schema's.
        if (players.Count == model.Features && !players.Of[0].SequenceEqual(Enumerable.Range(0, model.Features)))
        {
            int[] at = new int[model.Features];
            for (int f = 0; f < at.Length; f++) at[players.Of[0][f]] = f;
            players = new Players([[.. Enumerable.Range(0, model.Features)]], model.Features) { Names = players.Names is null ? null : [.. Enumerable.Range(0, at.Length).Select(f => players.Names[players.Of[0][f]])] };
        }
        return players.Names is null && players.Count == model.Features && model.FeatureNames.Count > 0 ? players with { Names = model.FeatureNames } : players;
    }

    /// <summary>What each output counts for the target in a row. The one loss of a softmax model has no classes.</summary>
    private static double[] WeightsOf(Question question, int row, int outputs)
    {
        ReadOnlySpan<float> all = question.Readout.Weights.Floats;
        int inner = all.Length / question.Rows;
        if (inner != outputs) return [.. Enumerable.Repeat(1.0, outputs)];
        return [.. all.Slice(row * inner, inner).ToArray().Select(w => (double)w)];
    }

    private static double Dot(double[] values, int row, int players, int player, double[] weights)
    {
        double sum = 0;
        for (int o = 0; o < weights.Length; o++)
            if (weights[o] != 0) sum += weights[o] * values[(row * players + player) * weights.Length + o];
        return sum;
    }

    private static NdArray OfTarget(PlayerValues[] played, int features) =>
        new([.. played.SelectMany(p => p.Players.Of[0].Select(of => (float)p.Solution.Values[of]))], played.Length, features);

    private static NdArray Everything(TreeShapValues values, Players players, int features)
    {
        NdArray all = NdArray.Create(ElementType.Float, values.Rows, features, values.Outputs);
        for (int r = 0, at = 0; r < values.Rows; r++)
            for (int f = 0; f < features; f++)
                for (int o = 0; o < values.Outputs; o++) all.Floats[at++] = (float)values[r, players.Of[0][f], o];
        return all;
    }

    private static InvalidOptionException NoTrees() =>
        new("tree-shap explains trees, and the model has none (or several ensembles of them): give a model of XGBoost (.json, .ubj), LightGBM (.txt), CatBoost (.json), or an ONNX file with a TreeEnsemble node. kernel-shap and permutation-shap explain any model.");

    private IEnumerable<string> WhatIsExplained(TreeEnsemble model)
    {
        if (Output == ExplainedOutput.Margin && model.Transform != OutputTransform.Identity)
            yield return $"Explained is the margin, the sum of the trees before {model.Transform}: values are in its unit{(model.Transform is OutputTransform.Logistic or OutputTransform.Softmax ? " (log odds)" : "")}. With --background FILE --set output=probability it is the prediction itself.";
        if (Output == ExplainedOutput.LogLoss) yield return "Explained is the loss: positive values make it larger, that is, the prediction worse.";
    }
}
