-- question: How many people report to each director in Toronto, what do they earn together, and who is the director's boss?
SELECT d.id, d.first_name, d.last_name,
       (SELECT COUNT(*) FROM employees e WHERE e.manager_id = d.id) AS reports,
       (SELECT SUM(e.salary) FROM employees e WHERE e.manager_id = d.id) AS payroll,
       (SELECT m.last_name FROM employees m WHERE m.id = d.manager_id) AS boss
FROM employees d
WHERE d.job_title = 'Director'
  AND d.location = 'Toronto'
ORDER BY d.id;

-- question: Which well-rated leads in Toronto earn more than the average of their department?
SELECT e.id, e.first_name, e.last_name, e.department, e.salary
FROM employees e
WHERE e.job_title = 'Lead'
  AND e.location = 'Toronto'
  AND e.rating >= 4
  AND e.salary > (SELECT AVG(x.salary) FROM employees x WHERE x.department = e.department);

-- question: Who earns more than the manager they report to, and by how much?
SELECT e.id, e.first_name || ' ' || e.last_name AS employee, e.salary,
       (SELECT m.first_name || ' ' || m.last_name FROM employees m WHERE m.id = e.manager_id) AS manager,
       e.salary - (SELECT m.salary FROM employees m WHERE m.id = e.manager_id) AS difference
FROM employees e
WHERE e.salary > (SELECT m.salary FROM employees m WHERE m.id = e.manager_id)
  AND e.left_on IS NULL
  AND e.location = 'Berlin';

-- question: Who among the well-rated people in Singapore has the highest salary in the team?
SELECT e.id, e.first_name, e.last_name, e.team_id, e.salary
FROM employees e
WHERE e.location = 'Singapore'
  AND e.rating >= 4
  AND NOT EXISTS (SELECT * FROM employees higher
                  WHERE higher.team_id = e.team_id AND higher.salary > e.salary);

-- question: How did the number of people ever hired grow month by month?
WITH hires AS (
    SELECT substr(CAST(hired_on AS VARCHAR), 1, 7) AS month, COUNT(*) AS hired
    FROM employees
    GROUP BY substr(CAST(hired_on AS VARCHAR), 1, 7)
)
SELECT h.month, h.hired, (SELECT SUM(p.hired) FROM hires p WHERE p.month <= h.month) AS hired_so_far
FROM hires h
ORDER BY h.month;

-- question: Who either works in Berlin with a good rating or reports to a director in Berlin?
SELECT e.id, e.first_name, e.last_name, e.location, m.last_name AS manager
FROM employees e
JOIN employees m ON m.id = e.manager_id
WHERE (e.location = 'Berlin' AND e.rating >= 4)
   OR (m.location = 'Berlin' AND m.job_title = 'Director');

-- question: Which managers have at least one person with a poor rating who has not left?
SELECT DISTINCT m.id, m.first_name, m.last_name, m.email
FROM employees m
JOIN employees e ON e.manager_id = m.id
WHERE e.rating <= 2
  AND e.left_on IS NULL
ORDER BY m.last_name, m.id;

-- question: Who has a birthday in March, among the people hired in 2022 who are still here?
-- engine: duckdb
SELECT id, first_name, last_name, birth_date, location
FROM employees
WHERE month(birth_date) = 3
  AND year(hired_on) = 2022
  AND COALESCE(left_on, DATE '9999-12-31') > DATE '2024-12-31'
ORDER BY day(birth_date), id;
-- engine: sqlite
SELECT id, first_name, last_name, birth_date, location
FROM employees
WHERE strftime('%m', birth_date) = '03'
  AND strftime('%Y', hired_on) = '2022'
  AND COALESCE(left_on, '9999-12-31') > '2024-12-31'
ORDER BY strftime('%d', birth_date), id;

-- question: Which records of active employees are incomplete, and what is missing in each?
SELECT id, email, 'no manager' AS problem FROM employees WHERE manager_id IS NULL AND left_on IS NULL
UNION
SELECT id, email, 'no department' AS problem FROM employees WHERE department IS NULL AND left_on IS NULL
UNION
SELECT id, email, 'no rating' AS problem FROM employees WHERE rating IS NULL AND left_on IS NULL
UNION
SELECT id, email, 'no date of birth' AS problem FROM employees WHERE birth_date IS NULL AND left_on IS NULL
ORDER BY id, problem;

-- question: Which managers in London and São Paulo with a bonus have nobody reporting to them?
SELECT d.id, d.first_name, d.last_name, d.department
FROM employees d
WHERE d.job_title = 'Manager'
  AND d.location IN ('London', 'São Paulo')
  AND d.bonus > 10000
  AND (SELECT COUNT(*) FROM employees e WHERE e.manager_id = d.id) = 0;

-- question: Who are the five best paid active people in security and in legal?
SELECT department, id, first_name, last_name, salary, place
FROM (
    SELECT e.*, DENSE_RANK() OVER (PARTITION BY e.department ORDER BY e.salary DESC) AS place
    FROM employees e
    WHERE e.left_on IS NULL
) ranked
WHERE place <= 5
  AND lower(department) IN ('security', 'legal')
ORDER BY department, place, id;

-- question: What part of the payroll goes to each department, and how far is its average salary from the company's?
SELECT e.department,
       COUNT(*) AS people,
       SUM(e.salary) AS payroll,
       SUM(e.salary) * 100.0 / (SELECT SUM(salary) FROM employees WHERE left_on IS NULL) AS percent_of_payroll,
       COUNT(*) * 100.0 / (SELECT COUNT(*) FROM employees WHERE left_on IS NULL) AS percent_of_people,
       AVG(e.salary) - (SELECT AVG(salary) FROM employees WHERE left_on IS NULL) AS above_average
FROM employees e
WHERE e.left_on IS NULL
GROUP BY e.department
HAVING e.department IS NOT NULL AND COUNT(*) > 5
ORDER BY payroll DESC;

-- question: At which place does each active person in legal stand by salary?
SELECT e.id, e.first_name, e.last_name, e.salary, COUNT(higher.id) + 1 AS place
FROM employees e
LEFT JOIN employees higher ON higher.department = e.department
                          AND higher.left_on IS NULL
                          AND higher.salary > e.salary
WHERE e.department = 'Legal'
  AND e.left_on IS NULL
GROUP BY e.id, e.first_name, e.last_name, e.salary
ORDER BY place, e.id;

-- question: By location, how many people hired since 2020 have stayed, and how do their salaries compare?
SELECT summary.location, summary.stayed, summary.average_salary
FROM (
    SELECT staff.location, COUNT(*) AS stayed, AVG(staff.salary) AS average_salary, MIN(staff.hired_on) AS first_hire
    FROM (
        SELECT e.*, m.last_name AS manager, m.location AS manager_location
        FROM employees e
        LEFT JOIN employees m ON m.id = e.manager_id
        ORDER BY e.hired_on, e.last_name
    ) staff
    WHERE staff.hired_on >= '2020-01-01' AND staff.left_on IS NULL
    GROUP BY staff.location
) summary
WHERE summary.location <> 'Remote'
ORDER BY summary.location;

-- question: What do people earn on average below each of the ten largest second-level bosses?
SELECT b.id, b.first_name, b.last_name, COUNT(*) AS people, AVG(e.salary) AS average_salary, SUM(e.bonus) AS bonuses
FROM employees e, employees m, employees b
WHERE e.manager_id = m.id
  AND m.manager_id = b.id
  AND e.left_on IS NULL
GROUP BY b.id, b.first_name, b.last_name
ORDER BY people DESC, b.id
LIMIT 10;

-- question: Which teams have people at every job title that engineering has?
SELECT t.team_id, COUNT(*) AS people
FROM employees t
WHERE t.team_id IN (
    SELECT e.team_id
    FROM employees e
    WHERE e.job_title IN (SELECT DISTINCT job_title FROM employees WHERE department = 'Engineering')
    GROUP BY e.team_id
    HAVING COUNT(DISTINCT e.job_title) = (SELECT COUNT(DISTINCT job_title) FROM employees WHERE department = 'Engineering')
)
GROUP BY t.team_id
ORDER BY people DESC, t.team_id;

-- question: Which people of the same team at the same place were hired in the same year?
-- engine: duckdb
SELECT DISTINCT a.team_id, a.id AS one, b.id AS other
FROM employees a
JOIN employees b ON b.team_id = a.team_id
                AND year(b.hired_on) = year(a.hired_on)
                AND b.location = a.location
                AND b.id > a.id
WHERE a.department = 'Sales'
  AND b.department = 'Sales';
-- engine: sqlite
SELECT DISTINCT a.team_id, a.id AS one, b.id AS other
FROM employees a
JOIN employees b ON b.team_id = a.team_id
                AND strftime('%Y', b.hired_on) = strftime('%Y', a.hired_on)
                AND b.location = a.location
                AND b.id > a.id
WHERE a.department = 'Sales'
  AND b.department = 'Sales';

-- question: For each director in finance, who was hired right before them in the same department, and at what salary?
SELECT e.id, e.last_name, e.hired_on, e.salary,
       (SELECT p.salary FROM employees p
        WHERE p.department = e.department AND p.hired_on < e.hired_on
        ORDER BY p.hired_on DESC, p.id DESC
        LIMIT 1) AS salary_before
FROM employees e
WHERE e.department = 'Finance'
  AND e.job_title = 'Director'
ORDER BY e.hired_on, e.id;

-- question: How many people are active, have left, and are rated highly in each department?
SELECT d.department, active.people AS active, gone.people AS gone, stars.people AS stars
FROM (SELECT DISTINCT department FROM employees WHERE department IS NOT NULL) d
LEFT JOIN (SELECT department, COUNT(*) AS people FROM employees WHERE left_on IS NULL GROUP BY department) active
       ON active.department = d.department
LEFT JOIN (SELECT department, COUNT(*) AS people FROM employees WHERE left_on IS NOT NULL GROUP BY department) gone
       ON gone.department = d.department
LEFT JOIN (SELECT department, COUNT(*) AS people FROM employees WHERE rating = 5 AND left_on IS NULL GROUP BY department) stars
       ON stars.department = d.department
ORDER BY d.department;

-- question: Which 25 managers have the most direct reports, and how are those rated?
SELECT m.id, m.first_name, m.last_name, m.email, m.location, m.job_title,
       COUNT(e.id) AS reports, AVG(e.rating) AS average_rating
FROM employees m
JOIN employees e ON e.manager_id = m.id
LEFT JOIN employees boss ON boss.id = m.manager_id
GROUP BY m.id, m.first_name, m.last_name, m.email, m.location, m.job_title
ORDER BY reports DESC, m.id
LIMIT 25;
