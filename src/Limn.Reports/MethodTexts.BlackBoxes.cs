namespace Limn.Reports;

/// <content>Methods that ask a model and watch its score.</content>
public static partial class MethodTexts
{
    private const string Fairness = "Features that carry the same information share the credit, so that each alone can look small.";
    private const string Background = "Every value is measured from the background: other rows there ask another question, and get another answer.";

    private static Dictionary<string, MethodText> BlackBoxes() => new()
    {
        ["feature-ablation"] = new(
            "Feature Ablation",
            "Each value is how much the score falls when one feature (or one group of them) is replaced by its baseline and all others are kept.",
            ["What actually happens to the score when a feature is taken away; no gradient and no approximation is involved.", "The sign: positive means that the score falls without the feature."],
            [
                Replacement,
                "Features are removed one at a time. If two carry the same information, the model leans on the other one and both look unimportant.",
                "For the same reason the values need not add up to the score.",
                NotTheWorld,
            ]),
        ["feature-permutation"] = new(
            "Feature Permutation",
            "Each value is how much the score falls when the feature is taken from another row of the same table, on average over random exchanges.",
            ["What the model does with values of the feature that do occur; no baseline has to be chosen.", "The sign: positive means that the score is lower with the other rows' values."],
            [
                "Each feature is exchanged alone, which makes rows that never occur: ten rooms on thirty square metres.",
                "Features that carry the same information stand in for each other and all look unimportant.",
                "The values need not add up to anything.",
                NotTheWorld,
            ]),
        ["shapley-values"] = new(
            "Shapley Values",
            "Each value is the feature's fair share of the score: what it adds when it joins the other features, averaged over all orders in which they can come.",
            ["How the whole way from the score without any feature to the score with all of them is shared out: the values add up exactly.", "Joint effects are shared evenly among those who bring them, so that no feature hides behind another."],
            [Replacement, Fairness, Background, NotTheWorld]),
        ["kernel-shap"] = new(
            "Kernel SHAP",
            "Shapley values, found by a regression of the score on which features are present. Each value is the feature's fair share of the way from the score without any feature to the score with all.",
            ["The values add up to that change of the score.", "Where not all coalitions were asked for, the standard error says how far a value may be off."],
            [Replacement, Fairness, Background, NotTheWorld]),
        ["tree-shap"] = new(
            "Tree SHAP",
            "Shapley values of an ensemble of trees, computed exactly: each value is the feature's fair share of the way from the expected value to this row's output. With a background an absent feature takes the values of its rows; without one the training rows that went each way at a split decide.",
            ["The values add up to the output less its expected value; nothing is sampled, and there is no error but rounding.", "With a background: what the model does when a feature is changed alone, whatever goes with it in the world."],
            [
                "Without a background a feature that the model does not use to decide can still get a value, when it stands above correlated ones in the trees.",
                Fairness,
                "The values of a margin are in its unit (log odds for a classifier), not in probabilities.",
                NotTheWorld,
            ]),
        ["permutation-shap"] = new(
            "Permutation SHAP",
            "Shapley values by experiment: features arrive one after another in random orders, and each value is what the feature added to the score on arrival, on average.",
            ["The values add up to the change of the score, whatever the number of orders.", "The standard error says how far a value may be off."],
            [Replacement, Fairness, Background, NotTheWorld]),
        ["shapley-sampling"] = new(
            "Shapley Value Sampling",
            "Shapley values by experiment: each value is what the feature added to random coalitions of the others, with coalitions of every size counting the same.",
            ["The values add up to the change of the score.", "The standard error says how far a value may be off."],
            [Replacement, Fairness, Background, NotTheWorld]),
        ["partition-shap"] = new(
            "Partition SHAP (Owen Values)",
            "Features that belong together stand together: a group's share of the score is settled against the other groups, and then shared out within it. Each value is a feature's share.",
            ["The values add up to the change of the score, and so do those of every group.", "Features that carry the same information are taken away together, not one while the other stays."],
            [Replacement, "Other groups give other values: the tree of groups is part of the question.", Background, NotTheWorld]),
        ["banzhaf"] = new(
            "Banzhaf Values",
            "Each value is what the feature adds to the score when it joins a coalition of the others, all coalitions counting the same.",
            ["The order of the features, which noise in the scores disturbs less than that of Shapley values.", "The sign: positive means that the feature raises the score more often, or by more, than it lowers it."],
            [Replacement, "The values need not add up to the change of the score.", Background, NotTheWorld]),
        ["shapley-interactions"] = new(
            "Shapley Interactions",
            "The score is shared out over single features and pairs. A pair's part is what the two do together beyond what each does alone; the value of a feature is its own part and half of each of its pairs.",
            ["Which features work together or against each other.", "All parts add up to the change of the score."],
            [Replacement, "Joint effects of three and more features are shared out over their pairs: how, the index decides, and another index gives other numbers.", Background, NotTheWorld]),
        ["rise"] = new(
            "RISE",
            "The model sees the picture through thousands of random, blotchy masks. Each value is the mean score of those masks that show the pixel: high where seeing the pixel goes with a high score.",
            ["Which regions raise the score when they are seen, without looking inside the model.", "The standard error says how far chance may have moved a value."],
            [
                "The values are scores, not parts of the score: compare them with each other, not with zero.",
                "It sees nothing smaller than a cell of its masks, and takes thousands of answers: with few the picture is spotted by chance.",
                Replacement,
                NotTheWorld,
            ]),
        ["sobol"] = new(
            "Sobol Indices",
            "Parts of the picture, or columns of a table, fade in and out at random. Each value is the share of the ups and downs of the score that a part is responsible for, alone and together with others.",
            ["Which parts move the score most, joint effects included.", "With order=first: how much of that a part does on its own."],
            ["There is no sign: a part that speaks against the target counts like one that speaks for it.", "Joint effects count for each part that takes part in them, so that the shares may add up to more than one.", "With few samples small differences are chance; another seed shows how much.", Replacement, NotTheWorld]),
        ["hsic"] = new(
            "HSIC",
            "Parts of the picture, or columns of a table, come and go at random. Each value measures how much the score depends on whether the part is there.",
            ["Which parts matter in any way, also if they raise the score in some company and lower it in other.", "It needs few answers of the model for that."],
            ["There is no sign.", "The values are measures of dependence, not parts of the score; parts without any effect have small values, not zero.", Replacement, NotTheWorld]),
        ["meaningful-perturbation"] = new(
            "Meaningful Perturbation",
            "A search for the smallest smooth part of the picture whose blurring takes the score away. Each value says how far a pixel is blurred in the end: 1 is what has to go.",
            ["Which part the score hangs on: without it, it is gone."],
            ["The mask is found step by step. Another start, another weight of its size or another seed can lead to another mask.", "It is one part that suffices, not all that count: what can stand in for something else may be missing.", "The values are a mask, not parts of the score.", NotTheWorld]),
        ["extremal-perturbation"] = new(
            "Extremal Perturbation",
            "Of all smooth parts of the picture of a given size, the one that alone, with the rest blurred, keeps the score highest. Each value says how far a pixel is shown.",
            ["The best evidence of that size: what the model needs to see.", "With several sizes, how much of the picture is enough."],
            ["The size is asked for, not found: the mask has it also where less would do, or where it is not enough.", "The mask is found step by step and may be one good answer among several.", "The values are a mask, not parts of the score.", NotTheWorld]),
        ["lime"] = new(
            "LIME",
            "The row is copied many times with changes, the copies are scored, and a linear model is fitted to the scores, near copies counting more. Each value is a coefficient of that model: for a table, what being in this row's bin adds to the score; for a picture or a text, what the presence of a part adds.",
            ["Which few features a simple model needs to follow the score around this row, with signs.", "How far the simple model can be believed: R² says how much of the scores it explains, and the stability of a feature how often it stays among the strongest when the copies are drawn again."],
            [
                "It explains the simple model. Where R² is low, the model itself behaves differently.",
                "It depends on how large \"around the row\" is: another kernel width, or other bins, can give other values.",
                Replacement,
                NoSum,
                NotTheWorld,
            ]),
        ["anchors"] = new(
            "Anchors",
            "A rule of few features: as long as they are as the rule says, the model decides as it does here, nearly whatever the other features are. Features in the rule get 1, others 0.",
            ["What suffices for this decision, and for which share of other rows the rule speaks (its coverage).", "How certain the rule is: its precision was measured, and comes with bounds."],
            [
                "It says what suffices, not what is necessary: other rules may suffice too, and a feature outside of this one can matter elsewhere.",
                "\"Whatever the other features are\" means: as the copies have them, which come from the background or from a replacement. Other copies, another rule.",
                "A rule that covers few rows says little beyond this one.",
                NotTheWorld,
            ]),
        ["occlusion"] = new(
            "Occlusion",
            "A window slides over the input and hides what is under it. Each value is how much the score falls while that place is hidden, averaged over all windows that cover it.",
            ["Which regions the model cannot do without, by direct experiment.", "The sign: positive regions support the target, negative ones speak against it."],
            [
                "It sees nothing smaller than its window, and only what lies within one window at a time: two eyes that can each stand in for the other both look unimportant.",
                Replacement,
                "Size and step of the window shape the picture. Blocks and stripes are the window's, not the model's.",
                "The values do not add up to the score.",
            ]),
    };
}
