namespace Limn.Trees;

/// <summary>What an XGBoost objective does to the base score, which is saved as a prediction, and to the margins.</summary>
internal static class XgboostObjective
{
    /// <exception cref="InvalidModelException">The objective is not known.</exception>
    public static OutputTransform Transform(string name) => name switch
    {
        "reg:logistic" or "binary:logistic" => OutputTransform.Logistic,
        "multi:softmax" or "multi:softprob" => OutputTransform.Softmax,
        "binary:hinge" => OutputTransform.Step,
        "count:poisson" or "reg:gamma" or "reg:tweedie" or "survival:cox" or "survival:aft" => OutputTransform.Exponential,
        "reg:squarederror" or "reg:linear" or "reg:squaredlogerror" or "reg:pseudohubererror" or "reg:absoluteerror" or "reg:quantileerror" or "reg:expectileerror"
            or "binary:logitraw" or "rank:pairwise" or "rank:ndcg" or "rank:map" => OutputTransform.Identity,
        _ => throw new InvalidModelException($"The objective '{name}' is not known, so nothing can be said about its predictions; save the model with one of XGBoost's own objectives."),
    };

    /// <summary>The base score as a margin: the inverse of a logistic or exponential transform; the others leave it as it is, softmax too.</summary>
    /// <exception cref="InvalidModelException">The inverse does not exist.</exception>
    public static double Margin(OutputTransform transform, double baseScore)
    {
        double margin = transform switch
        {
            OutputTransform.Logistic => Math.Log(baseScore) - Math.Log(1 - baseScore),
            OutputTransform.Exponential => Math.Log(baseScore),
            _ => baseScore,
        };
        return double.IsFinite(margin) ? margin : throw new InvalidModelException($"The base score {baseScore} is no possible prediction of this objective.");
    }
}
