# title: the hundred dearest orders of each priority
# workload: tpch
# engines: duckdb
SELECT d.o_orderkey, d.o_totalprice, d.place
FROM (SELECT o_orderkey, o_orderpriority, o_totalprice, RANK() OVER (PARTITION BY o_orderpriority ORDER BY o_totalprice DESC) AS place FROM orders) AS d
WHERE d.place <= 100;

# title: the dearest order of each customer
# workload: tpch
# engines: duckdb
SELECT d.o_custkey, d.o_orderkey
FROM (SELECT o_custkey, o_orderkey, RANK() OVER (PARTITION BY o_custkey ORDER BY o_totalprice DESC) AS place FROM orders) AS d
WHERE d.place <= 1;
