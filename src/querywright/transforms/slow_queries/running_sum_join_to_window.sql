# title: a running total by a self-join
# workload: tpch
SELECT a.s_suppkey, a.s_acctbal, SUM(b.s_acctbal) AS running
FROM supplier AS a JOIN supplier AS b ON b.s_suppkey <= a.s_suppkey
GROUP BY a.s_suppkey, a.s_acctbal;
